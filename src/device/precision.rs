//! How exactly a GPU multiplies matrices.

use crate::choice::choices;

choices! {
    /// How exactly a GPU multiplies matrices, as `--precision` names it.
    ///
    /// Only the factors of a product may be rounded, on their way into it, to the nearest number of
    /// so many significant bits; the products of their numbers are added up in single precision.
    /// Weights, activations, gradients and Adam's moments are stored in single precision, and all
    /// other work is done in it. Where a product has a shape that tensor cores do not take, cuBLAS
    /// may leave its factors as they are.
    pub enum Precision {
        /// Single precision throughout, the only one that is compared with other devices
        F32 = "f32",
        /// A GPU rounds the factors of matrix products to 11 bits, by 2⁻¹¹ of a number at most
        Tf32 = "tf32",
        /// The same to 8 bits, by 2⁻⁸ at most
        Bf16 = "bf16",
    }
}

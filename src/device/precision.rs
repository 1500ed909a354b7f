//! The precision in which a GPU multiplies matrices.

use crate::choice::choices;

choices! {
    /// The precision in which a GPU multiplies matrices, as `--precision` names it.
    ///
    /// Only the operands of a matrix multiplication may be rounded, to the nearest number with this
    /// many significant bits; sums are accumulated in single precision. Weights, activations,
    /// gradients and Adam's moments are stored in single precision, and all other operations compute
    /// in it. For shapes that tensor cores do not support, cuBLAS may leave the operands unrounded.
    pub enum Precision {
        /// Single precision throughout; the only one that tests compare with other devices
        F32 = "f32",
        /// A GPU may round the operands of matrix multiplications to 11 significant bits: relative
    /// error up to 2⁻¹¹
        Tf32 = "tf32",
        /// The same with 8 significant bits: relative error up to 2⁻⁸
        Bf16 = "bf16",
    }
}

//! The algorithm by which the CPU computes convolutions.

use crate::choice::choices;

choices! {
    /// The algorithm by which the CPU computes convolutions, as `--conv` names it.
    ///
    /// Both compute in single precision and give the same bits for every number of threads. Their
    /// results differ by rounding: the relative error against double precision is about 2·10⁻⁷ for
    /// the direct form, and 10⁻⁶ to 10⁻⁵ for Winograd's.
    pub enum ConvolutionForm {
        /// Computed as defined; the only one that tests compare with PyTorch
        Direct = "direct",
        /// Winograd's algorithm, with 33 or 39 % of the multiplications, for kernel 4, stride 2,
        /// padding 1, 16 or more channels, and a smaller side (input or output) whose height and width
        /// are multiples of 7 or of 4; direct otherwise
        Winograd = "winograd",
    }
}

//! By which products the CPU computes convolutions.

use crate::choice::choices;

choices! {
    /// By which products the CPU computes convolutions, as `--conv` names it.
    ///
    /// Both forms are in single precision and give the same bits for every number of threads. Their
    /// results differ by rounding: relative to double precision by some 2·10⁻⁷ of a number where the
    /// form is direct, by 10⁻⁶ to 10⁻⁵ where it is not.
    pub enum ConvolutionForm {
        /// As they are defined, the only one that is compared with PyTorch
        Direct = "direct",
        /// By Winograd's method with a third of the multiplications, where the kernel is 4, the stride 2,
        /// the padding 1, and images divide into tiles; direct elsewhere
        Winograd = "winograd",
    }
}

//! How a GPU multiplies the matrices of fully connected layers.

use crate::choice::choices;

choices! {
    /// How a GPU multiplies the matrices of fully connected layers, as `--gemm` names it.
    ///
    /// In single precision, results differ by rounding only.
    pub enum Gemm {
        /// By cuBLAS; kernels of our own compute what follows
        Cublas = "cublas",
        /// Up to 192 rows by kernels of our own, which also compute what follows: bias, dropout,
        /// activation, BatchNorm; in f32, whatever the precision is. The gradients of weights, and all
        /// convolutions, by cuBLAS
        Own = "own",
    }
}

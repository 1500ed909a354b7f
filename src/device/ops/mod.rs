//! The contract of every operation.
//!
//! Each method's documentation is the definition that the CPU's loops, the CUDA kernels and the
//! tests share: formula, derivative, shapes. Matrices are row-major. Arguments stand in the order
//! outputs, inputs, saved values, extents, scalars. Outputs are overwritten unless the text says
//! "in place" or "moves"; gradients of parameters are added to what is there with `accumulate`, and
//! overwritten without.
//!
//! Whatever changes from one iteration to the next is read from device memory: from `step`, one
//! integer that counts completed iterations, and of Adam from a count of its own steps. So the same
//! recorded sequence of operations can be run again for the next iteration.
//!
//! A file per family of operations; the CPU's version has the same name in [`super::cpu`]. What
//! shapes ask of the arguments is checked by `contract`, in one place for all devices.

// Operations have many.
#![allow(clippy::too_many_arguments)]

mod batch;
mod batch_norm;
pub(super) mod contract;
mod convolution;
mod embedding;
mod linear;
mod loss;
mod optimizer;
mod random;

pub use batch::{Batch, BatchShape};
pub use batch_norm::{Affine, AffineGradients, BatchNorm, BatchNormShape};
pub use convolution::{Convolution, ConvolutionShape};
pub use embedding::{Embedding, EmbeddingShape};
pub use linear::{Activation, Linear, LinearShape};
pub use loss::{Judged, Loss, LossShape, RING_COLUMNS, RING_ROWS, Score, SoftmaxShape};
pub use optimizer::{Adam, Optimizer};
pub use random::{Latent, Random};

//! The contract of every operation.
//!
//! Each method's documentation is the definition for the CPU's loops, the CUDA kernels and the tests:
//! formula, derivative, shapes. Matrices are row-major. Arguments come in the order outputs, inputs,
//! saved values, extents, scalars. Outputs are overwritten unless the text says "in place" or
//! "updates". Parameter gradients are accumulated with `accumulate`, and overwritten without.
//!
//! Everything that changes between iterations is read from device memory: `step`, an integer that
//! counts completed iterations, and Adam's own step count. So a captured sequence of operations can
//! be launched again for the next iteration.
//!
//! There is one file per family of operations, with the same name as the CPU's version in
//! [`super::cpu`]. `contract` checks the arguments' lengths in one place for all devices.

// Operations have many arguments.
#![allow(clippy::too_many_arguments)]

mod augment;
mod batch_norm;
mod collective;
pub(super) mod contract;
mod convolution;
mod draw;
mod embedding;
mod fused;
mod linear;
mod loss;
mod optimizer;
mod penalty;
mod random;
mod spectral_norm;

pub use augment::{AUGMENT_DRAWS, Augment, AugmentShape, Augmentation, Augmentations};
pub use batch_norm::{Affine, AffineGradients, BatchNorm, BatchNormShape};
pub use collective::Collective;
pub use convolution::{Convolution, ConvolutionShape};
pub use draw::{DRAW_WORDS, Draw, DrawKind};
pub use embedding::{Embedding, EmbeddingShape};
pub use fused::Fused;
pub use linear::{Activation, Linear, LinearShape, SingleOutput, SingleOutputGradients};
pub use loss::{Criterion, Loss, LossShape, RING_COLUMNS, RING_ROWS, SoftmaxShape, Targets};
pub use optimizer::{Adam, Average, LrDecay, Optimizer};
pub use penalty::{Penalties, Penalty, PenaltyShape};
pub use random::{BatchShape, Latent, Random};
pub use spectral_norm::{SPECTRAL_NORM_EPS, SpectralNorm, SpectralNormShape};

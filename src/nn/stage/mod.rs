//! Stages with the slots of their parameters: the forward and backward pass of each.

mod activation;
mod batch_norm;
mod convolution;
mod linear;
mod transpose;

pub(super) use batch_norm::BatchNorm;
pub(super) use convolution::Convolution;
pub(super) use linear::Linear;

use super::params::Flat;
use super::plan::{ActivationStage, TransposeStage};

/// A stage with the slots of its parameters.
pub(super) enum PlacedStage {
    Linear(Linear),
    Convolution(Convolution),
    BatchNorm(BatchNorm),
    Activation(ActivationStage),
    Transpose(TransposeStage),
}

/// The buffer for parameter gradients, and whether to accumulate.
pub(super) type Target<'a, D> = (&'a mut Flat<D>, bool);

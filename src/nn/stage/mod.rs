//! Stages with their places in the parameters: how each runs, forward and back.

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

/// A stage of a plan, placed.
pub(super) enum PlacedStage {
    Linear(Linear),
    Convolution(Convolution),
    BatchNorm(BatchNorm),
    Activation(ActivationStage),
    Transpose(TransposeStage),
}

/// Where gradients of parameters go, and whether they are added to what is there.
pub(super) type Target<'a, D> = (&'a mut Flat<D>, bool);

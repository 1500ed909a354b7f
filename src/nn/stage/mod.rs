//! Stages with their places in the parameters: how each runs, forward and back.

mod activation;
mod batch_norm;
mod linear;

pub(super) use batch_norm::BatchNorm;
pub(super) use linear::Linear;

use super::params::Flat;
use super::plan::ActivationStage;

/// A stage of a plan, placed.
pub(super) enum Placed {
    Linear(Linear),
    BatchNorm(BatchNorm),
    Activation(ActivationStage),
}

/// Where gradients of parameters go, and whether they are added to what is there.
pub(super) type Target<'a, D> = (&'a mut Flat<D>, bool);

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
use super::params::Slot;
use super::plan::{ActivationStage, TransposeStage};
use crate::device::{Device, In, Out};

/// A stage with the slots of its parameters.
pub(super) enum PlacedStage {
    Linear(Linear),
    Convolution(Convolution),
    BatchNorm(BatchNorm),
    Activation(ActivationStage),
    Transpose(TransposeStage),
}

/// Where parameter gradients go.
pub(super) struct Target<'a, D: Device> {
    pub(super) gradients: &'a mut Flat<D>,
    /// Whether to accumulate.
    pub(super) accumulate: bool,
    /// Weights of the rows of the batch. With them only the gradients of biases are computed.
    pub(super) row_weights: Option<In<'a, D>>,
}

/// The gradient of a bias, the weights of the rows in it, and whether to accumulate.
fn bias_gradient<'a, D: Device>(
    target: &'a mut Option<Target<'_, D>>,
    bias: Option<Slot>,
) -> (Option<Out<'a, D>>, Option<In<'a, D>>, bool) {
    match (target, bias) {
        (Some(Target { gradients, accumulate, row_weights }), Some(bias)) => {
            let weights = row_weights.as_ref().map(D::reborrow);
            (Some(gradients.view_mut(bias)), weights, *accumulate)
        }
        _ => (None, None, false),
    }
}

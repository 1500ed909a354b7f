//! Passes through a layer with one output, such as a discriminator's last one: no matrix
//! multiplication, and together with the bias and activation of the layer before it.

use super::backward_rows::BackwardRows;
use super::matrix::Matrix;
use super::network::Network;
use super::passes::StageInput;
use super::stage::{Linear, PlacedStage, Target};
use crate::device::Device;

impl<D: Device> Network<D> {
    /// Whether a stage is such a layer, behind another stage. With weights of rows, only the gradients of
    /// biases are computed, one stage after the other.
    pub(super) fn has_single_output(&self, stage: usize, target: &Option<Target<'_, D>>) -> bool {
        let is_weighted = target.as_ref().is_some_and(|target| target.row_weights.is_some());
        match &self.stages[stage] {
            PlacedStage::Linear(linear) => stage > 0 && !is_weighted && linear.has_single_output(),
            _ => false,
        }
    }

    /// From dz, the gradient of the stage's output, to dx and the gradients of its parameters. Returns
    /// whether dx is already that of the product of the Linear layer before.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward_single_output(
        &self,
        device: &D,
        stage: usize,
        target: Option<Target<'_, D>>,
        dx: &mut Matrix<D>,
        dz: &Matrix<D>,
        before: &StageInput<'_, '_, D>,
        rows: &BackwardRows<'_>,
    ) -> bool {
        let PlacedStage::Linear(output) = &self.stages[stage] else { return false };
        let linear = match &self.stages[stage - 1] {
            PlacedStage::Linear(linear) if !linear.is_normalized() => Some(linear),
            _ => None,
        };
        let saved = rows.outputs(stage - 1);
        let mask = linear.and_then(|_| before.mask(&self.spec, stage - 1, 0..saved.len()));
        let (x, weights) = (before.x(saved), self.weights());
        output.backward_single_output(device, weights, target, linear, dx, dz, x, mask, rows);
        linear.is_some()
    }

    /// The Linear layer at a stage and a layer with one output behind it, at the end, if that is what
    /// these are: one operation computes both.
    pub(super) fn pair_at_end(&self, stage: usize) -> Option<[&Linear; 2]> {
        match &self.stages[stage..] {
            [PlacedStage::Linear(linear), PlacedStage::Linear(output)]
                if !linear.is_normalized() && output.has_single_output() =>
            {
                Some([linear, output])
            }
            _ => None,
        }
    }
}

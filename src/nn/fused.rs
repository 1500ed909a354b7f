//! Products of Linear layers together with what follows them, on devices that compute both at once: a
//! BatchNorm in the forward pass; in the backward pass the BatchNorm or the activation of the layer before.

use super::activations::Batches;
use super::backward_rows::BackwardRows;
use super::matrix::Matrix;
use super::network::Network;
use super::passes::{Mode, PassInput, StageInput};
use super::spectral_norm::SpectralNorm;
use super::stage::{BatchNorm, Linear, PlacedStage, Target};
use crate::device::{Device, Out};

impl<D: Device> Network<D> {
    /// The BatchNorm at a stage and the Linear layer right before it, if one operation computes both.
    fn norm_of_product(&self, stage: usize) -> Option<(&Linear, &BatchNorm)> {
        match &self.stages[..=stage] {
            [.., PlacedStage::Linear(linear), PlacedStage::BatchNorm(norm)]
                if norm.columns() == Some(linear.outputs()) =>
            {
                Some((linear, norm))
            }
            _ => None,
        }
    }

    /// Whether a stage of a forward pass is left to the BatchNorm behind it.
    pub(super) fn is_left_to_norm(
        &self,
        stage: usize,
        device: &D,
        batches: &Batches,
        mode: Mode,
    ) -> bool {
        stage + 1 < self.stages.len() && self.fuses_norm(stage + 1, device, batches, mode)
    }

    /// Whether a stage of a forward pass is a BatchNorm that computes the product before it.
    pub(super) fn fuses_norm(
        &self,
        stage: usize,
        device: &D,
        batches: &Batches,
        mode: Mode,
    ) -> bool {
        mode == Mode::Training
            && batches.which.len() == 1
            && batches.across.is_none()
            && device.fuses_gemm(batches.rows)
            && self.norm_of_product(stage).is_some()
    }

    /// The output of such a BatchNorm, and that of the Linear layer before it, which is the last one of
    /// `outputs`.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn forward_product_and_norm(
        &mut self,
        stage: usize,
        device: &D,
        moments: &mut [Matrix<D>; 2],
        y: Out<'_, D>,
        outputs: &mut [Matrix<D>],
        (embedded, input): (&Option<Matrix<D>>, &PassInput<'_, D>),
        batches: &Batches,
    ) {
        let Some((product, outputs)) = outputs.split_last_mut() else { return };
        let before = StageInput { embedded, input, outputs };
        let (x, product) = (before.x(batches.range()), product.rows_mut(batches.range()));
        let Self { params, spectral, statistics, stages, .. } = self;
        let weights = spectral.as_ref().map_or(params.values(), SpectralNorm::weights);
        if let [PlacedStage::Linear(linear), PlacedStage::BatchNorm(norm)] =
            &stages[stage - 1..=stage]
        {
            let product = (linear, product, x);
            norm.forward_product(device, weights, statistics, moments, y, product, batches);
        }
    }

    /// The gradient of a Linear layer's input, dx, from that of its product, and on to that of the product
    /// of the layer before, with the gradients of its parameters but its weights. Returns whether the
    /// device computes both at once; if not, nothing is done.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward_product(
        &self,
        stage: usize,
        device: &D,
        target: Option<Target<'_, D>>,
        dx: &mut Matrix<D>,
        dz: &Matrix<D>,
        before: &StageInput<'_, '_, D>,
        moments: &[[Matrix<D>; 2]],
        rows: &BackwardRows<'_>,
    ) -> bool {
        let is_weighted = target.as_ref().is_some_and(|target| target.row_weights.is_some());
        let PlacedStage::Linear(linear) = &self.stages[stage] else { return false };
        if stage == 0 || is_weighted || !device.fuses_gemm(rows.all().len()) {
            return false;
        }
        let (weights, earlier) = (self.weights(), stage - 1);
        let (dx, dz) = (dx.rows_mut(rows.all()), dz.rows(rows.all()));
        let y = before.x(rows.outputs(earlier));
        match &self.stages[earlier] {
            PlacedStage::Linear(layer) if !layer.is_normalized() => {
                let mask = before.mask(&self.spec, earlier, 0..rows.outputs(earlier).len());
                let product = (linear, dz);
                layer.backward_product(device, weights, target, dx, product, y, mask, rows);
            }
            PlacedStage::BatchNorm(norm)
                if rows.batches.which.len() == 1
                    && rows.batches.across.is_none()
                    && norm.columns() == Some(linear.inputs()) =>
            {
                let inputs = &before.outputs[..earlier];
                let x = StageInput { outputs: inputs, ..*before }.x(rows.all());
                let (product, moments) = ((linear, dz), &moments[earlier]);
                norm.backward_product(
                    device,
                    weights,
                    target,
                    dx,
                    product,
                    x,
                    y,
                    moments,
                    rows.batches,
                );
            }
            _ => return false,
        }
        true
    }
}

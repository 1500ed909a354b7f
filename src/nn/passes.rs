//! Forward and backward passes through a network.

use std::ops::Range;

use super::activations::{Activations, Batches, Parts};
use super::backward_rows::BackwardRows;
use super::masks::Masks;
use super::matrix::Matrix;
use super::network::Network;
use super::params::Flat;
use super::spec::NetworkSpec;
use super::spectral_norm::SpectralNorm;
use super::stage::{PlacedStage, Target};
use crate::device::{Device, In, InInts, Out};

/// The inputs of a forward pass, and of the backward pass through the same activations.
pub struct PassInput<'a, D: Device> {
    /// The input without the label's embedding, with the batches' rows.
    pub x: In<'a, D>,
    /// A label for each row, if the network embeds labels.
    pub labels: Option<InInts<'a, D>>,
    /// Dropout masks; without them there is no dropout.
    pub masks: Option<Masks<'a, D>>,
}

/// The statistics by which BatchNorm normalizes in a forward pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The statistics of each batch, which also update the running statistics.
    Training,
    /// The running statistics.
    Evaluation,
}

/// What a backward pass does with the parameter gradients.
pub enum ParameterGradients<'a, D: Device> {
    /// Does not compute them.
    Ignore,
    /// Overwrites the buffer.
    Overwrite(&'a mut Flat<D>),
    /// Adds them to the buffer.
    Accumulate(&'a mut Flat<D>),
    /// Overwrites those of biases by sums over the rows with these weights, and computes no others.
    WeightedBiases(&'a mut Flat<D>, In<'a, D>),
}

impl<D: Device> ParameterGradients<'_, D> {
    fn target(&mut self) -> Option<Target<'_, D>> {
        let (gradients, accumulate, row_weights) = match self {
            ParameterGradients::Ignore => return None,
            ParameterGradients::Overwrite(gradients) => (gradients, false, None),
            ParameterGradients::Accumulate(gradients) => (gradients, true, None),
            ParameterGradients::WeightedBiases(gradients, weights) => {
                (gradients, false, Some(D::reborrow(weights)))
            }
        };
        Some(Target { gradients, accumulate, row_weights })
    }
}

impl<D: Device> Network<D> {
    /// A forward pass, which writes its output to `end`, with the batches' rows, and saves in
    /// `activations` what a backward pass needs.
    #[inline(never)]
    pub fn forward(
        &mut self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        end: Out<'_, D>,
        batches: &Batches,
        mode: Mode,
    ) {
        self.embed(device, activations, input, batches);
        let Activations { input: embedded, outputs, moments, workspace, .. } = activations;
        let Some((last, inner)) = moments.split_last_mut() else { return };
        for (stage, moments) in inner.iter_mut().enumerate() {
            let (before, now) = outputs.split_at_mut(stage);
            let y = now[0].rows_mut(batches.range());
            if self.is_left_to_norm(stage, device, batches, mode) {
                continue;
            }
            if self.fuses_norm(stage, device, batches, mode) {
                let from = (&*embedded, input);
                self.forward_product_and_norm(stage, device, moments, y, before, from, batches);
                continue;
            }
            let before = StageInput { embedded, input, outputs: before };
            let from = before.of(&self.spec, stage, batches);
            if let Some([linear, output]) = self.pair_at_end(stage) {
                let (weights, rows) = (self.weights(), batches.all_rows());
                return linear.forward_to(output, end, device, weights, y, from, rows, 0);
            }
            self.forward_stage(stage, device, (moments, workspace), y, from, batches, mode, 0);
        }
        let stage = outputs.len();
        if self.fuses_norm(stage, device, batches, mode) {
            let from = (&*embedded, input);
            return self.forward_product_and_norm(stage, device, last, end, outputs, from, batches);
        }
        let before = StageInput { embedded, input, outputs };
        let from = before.of(&self.spec, stage, batches);
        self.forward_stage(stage, device, (last, workspace), end, from, batches, mode, 0);
    }

    /// A stage's output, from its input and dropout mask. If it is a Linear layer, the last `again` rows
    /// of its output may be for the last rows of its input once more.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn forward_stage(
        &mut self,
        stage: usize,
        device: &D,
        (moments, workspace): (&mut [Matrix<D>; 2], &mut Matrix<D>),
        y: Out<'_, D>,
        (x, mask): (In<'_, D>, Option<In<'_, D>>),
        batches: &Batches,
        mode: Mode,
        again: usize,
    ) {
        let Self { params, spectral, statistics, stages, .. } = self;
        let weights = spectral.as_ref().map_or(params.values(), SpectralNorm::weights);
        let rows = batches.all_rows();
        match (&stages[stage], mode) {
            (PlacedStage::Linear(linear), _) => {
                linear.forward(device, weights, y, x, mask, rows, again);
            }
            (PlacedStage::Convolution(convolution), _) => {
                convolution.forward(device, weights, workspace, y, x, mask, rows);
            }
            (PlacedStage::Activation(activation), _) => {
                activation.forward(device, y, x, mask, rows)
            }
            (PlacedStage::Transpose(transpose), _) => transpose.forward(device, y, x, rows),
            (PlacedStage::BatchNorm(norm), Mode::Training) => {
                norm.forward(device, weights, statistics, moments, y, x, batches);
            }
            (PlacedStage::BatchNorm(norm), Mode::Evaluation) => {
                norm.evaluate(device, weights, statistics, y, x, rows);
            }
        }
    }

    /// A backward pass; the gradient of the output must have been written to
    /// [`Activations::output_gradient`]. `input` and y are those of the forward pass. Writes dx, the
    /// gradient of x (without the label's embedding), if it is given.
    #[allow(clippy::too_many_arguments)]
    #[inline(never)]
    pub fn backward(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        y: In<'_, D>,
        batches: &Batches,
        parameters: ParameterGradients<'_, D>,
        dx: Option<Out<'_, D>>,
    ) {
        let rows = BackwardRows::of(batches);
        self.backward_rows(device, activations, input, y, &rows, parameters, dx);
    }

    /// The same for rows of which some may be repeated.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward_rows(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        y: In<'_, D>,
        rows: &BackwardRows<'_>,
        mut parameters: ParameterGradients<'_, D>,
        dx: Option<Out<'_, D>>,
    ) {
        let Parts { input: embedded, outputs, moments, workspace, gradients, .. } =
            activations.parts();
        let range = rows.all();
        // The gradient buffer of the current stage, which in-place stages share.
        let mut current = gradients.len() - 1;
        // Whether the stage behind included the activation or BatchNorm of this one.
        let mut activated = false;
        for stage in (0..self.stages.len()).rev() {
            let before = StageInput { embedded, input, outputs: &outputs[..stage] };
            let y = outputs.get(stage).map_or(D::reborrow(&y), |y| y.rows(rows.outputs(stage)));
            let (earlier, now) = gradients.split_at_mut(current);
            let (mut dx, dz, target) = (earlier.last_mut(), &mut now[0], parameters.target());
            let single = !activated && self.has_single_output(stage, &target);
            if let (true, Some(dx)) = (single, &mut dx) {
                activated =
                    self.backward_single_output(device, stage, target, dx, dz, &before, rows);
                current -= 1;
                continue;
            }
            let saved = (&moments[stage], &mut *workspace);
            self.backward_stage(stage, device, saved, target, dz, &before, y, rows, activated);
            activated = false;
            if let (false, Some(dx)) = (self.spec.stages()[stage].is_in_place(), dx) {
                current -= 1;
                let target = parameters.target();
                activated =
                    self.backward_product(stage, device, target, dx, dz, &before, moments, rows);
                if activated {
                    continue;
                }
                let (dx, dz) = (dx.rows_mut(range.clone()), dz.rows(range.clone()));
                self.backward_input(device, stage, workspace, dx, dz, range.len(), None);
            }
        }
        if let Some(dx) = dx {
            self.backward_to_input(device, activations, rows.images(), dx);
        }
        let target = parameters.target().filter(|target| target.row_weights.is_none());
        if let (Some(target), Some(labels)) = (target, &input.labels) {
            self.backward_label(device, activations, target, labels, rows.parameters());
        }
    }

    /// From the gradient of a stage's output to that of its product, in place, and to those of its
    /// parameters.
    #[allow(clippy::too_many_arguments)]
    fn backward_stage(
        &self,
        stage: usize,
        device: &D,
        (moments, workspace): (&[Matrix<D>; 2], &mut Matrix<D>),
        target: Option<Target<'_, D>>,
        dz: &mut Matrix<D>,
        before: &StageInput<'_, '_, D>,
        y: In<'_, D>,
        rows: &BackwardRows<'_>,
        activated: bool,
    ) {
        let x = before.x(rows.parameters());
        let mask = before.mask(&self.spec, stage, 0..rows.outputs(stage).len());
        match &self.stages[stage] {
            PlacedStage::Linear(linear) => {
                linear.backward(device, target, dz, x, y, mask, rows, activated);
            }
            PlacedStage::Convolution(convolution) => {
                convolution.backward(device, target, workspace, dz, x, y, mask, rows);
            }
            PlacedStage::BatchNorm(_) if activated => {}
            PlacedStage::BatchNorm(norm) => {
                norm.backward(device, self.weights(), target, dz, x, y, moments, rows.batches);
            }
            PlacedStage::Activation(activation) => activation.backward(device, dz, y, mask, rows),
            PlacedStage::Transpose(_) => {}
        }
    }

    /// The gradient of some rows of x, without the label's embedding, from that of the first stage's
    /// output.
    pub(super) fn backward_to_input(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        range: Range<usize>,
        dx: Out<'_, D>,
    ) {
        let (Parts { workspace, gradients, image, .. }, rows) = (activations.parts(), range.len());
        let (dz, shape) = (gradients[0].rows(range.clone()), self.embedding_shape(rows));
        let columns = self.table.map(|_| shape.input_columns());
        match image {
            None => self.backward_input(device, 0, workspace, dx, dz, rows, columns),
            Some(image) => {
                let pixels = image.rows_mut(range.clone());
                self.backward_input(device, 0, workspace, pixels, dz, rows, columns);
                let extents = [shape.pixels, shape.inputs];
                device.image_transpose(dx, image.rows(range), rows, extents);
            }
        }
    }

    /// The gradient of a stage's input, of all columns or some, from the gradient of its output.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn backward_input(
        &self,
        device: &D,
        stage: usize,
        workspace: &mut Matrix<D>,
        dx: Out<'_, D>,
        dz: In<'_, D>,
        rows: usize,
        columns: Option<Range<usize>>,
    ) {
        let weights = self.weights();
        match &self.stages[stage] {
            PlacedStage::Linear(linear) => {
                let columns = columns.unwrap_or(0..linear.inputs());
                linear.backward_input(device, weights, dx, dz, rows, columns);
            }
            PlacedStage::Convolution(convolution) => {
                let channels = columns.unwrap_or(0..convolution.inputs());
                convolution.backward_input(device, weights, workspace, dx, dz, rows, channels);
            }
            PlacedStage::Transpose(transpose) => transpose.backward_input(device, dx, dz, rows),
            PlacedStage::BatchNorm(_) | PlacedStage::Activation(_) => {}
        }
    }
}

/// The possible inputs of a stage.
pub(super) struct StageInput<'a, 'b, D: Device> {
    /// x concatenated with the labels' embedding, if the network embeds labels.
    pub(super) embedded: &'a Option<Matrix<D>>,
    pub(super) input: &'a PassInput<'b, D>,
    pub(super) outputs: &'a [Matrix<D>],
}

impl<'a, D: Device> StageInput<'a, '_, D> {
    /// The input and the dropout mask of a stage.
    pub(super) fn of(
        &self,
        spec: &NetworkSpec,
        stage: usize,
        batches: &Batches,
    ) -> (In<'a, D>, Option<In<'a, D>>) {
        (self.x(batches.range()), self.mask(spec, stage, 0..batches.all_rows()))
    }

    /// The stage's input; that of the whole network has the rows of the pass only.
    pub(super) fn x(&self, rows: Range<usize>) -> In<'a, D> {
        match (self.outputs.last(), self.embedded) {
            (Some(output), _) => output.rows(rows),
            (None, Some(both)) => both.rows(rows),
            (None, None) => D::reborrow(&self.input.x),
        }
    }

    /// The stage's dropout mask for some rows of the pass.
    pub(super) fn mask(
        &self,
        spec: &NetworkSpec,
        stage: usize,
        rows: Range<usize>,
    ) -> Option<In<'a, D>> {
        self.input.masks.as_ref().and_then(|masks| masks.of(spec, stage, rows))
    }
}

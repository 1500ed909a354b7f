//! The passes through a network, forward and back.

use std::ops::Range;

use super::activations::{Activations, Batches, Parts};
use super::masks::Masks;
use super::matrix::Matrix;
use super::network::Network;
use super::params::Flat;
use super::sequence::Embedding;
use super::spec::NetworkSpec;
use super::stage::{PlacedStage, Target};
use crate::device::ops::EmbeddingShape;
use crate::device::{Device, In, InInts, Out};

/// What goes into a pass forward, and into the pass back through the same activations.
pub struct PassInput<'a, D: Device> {
    /// The input, without a label's features: as many rows as the batches have.
    pub x: In<'a, D>,
    /// A label for each row, where the network embeds them.
    pub labels: Option<InInts<'a, D>>,
    /// Dropout masks; without them nothing is dropped.
    pub masks: Option<Masks<'a, D>>,
}

/// What a pass forward normalises by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// By the statistics of each batch, which move the running ones.
    Training,
    /// By the running statistics.
    Evaluation,
}

/// What a pass back does with the gradients of parameters.
pub enum ParameterGradients<'a, D: Device> {
    /// They are not computed.
    Ignore,
    /// They replace what is there.
    Overwrite(&'a mut Flat<D>),
    /// They are added to what is there.
    Accumulate(&'a mut Flat<D>),
}

impl<D: Device> ParameterGradients<'_, D> {
    fn target(&mut self) -> Option<Target<'_, D>> {
        match self {
            ParameterGradients::Ignore => None,
            ParameterGradients::Overwrite(gradients) => Some((gradients, false)),
            ParameterGradients::Accumulate(gradients) => Some((gradients, true)),
        }
    }
}

impl<D: Device> Network<D> {
    /// A pass forward, to y: as many rows as the batches have. What a pass back needs goes to
    /// `activations`.
    pub fn forward(
        &mut self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        y: Out<'_, D>,
        batches: &Batches,
        mode: Mode,
    ) {
        self.embed(device, activations, input, batches);
        let Activations { input: entrance, outputs, moments, workspace, .. } = activations;
        let Some((last, inner)) = moments.split_last_mut() else { return };
        for (stage, moments) in inner.iter_mut().enumerate() {
            let (before, now) = outputs.split_at_mut(stage);
            let y = now[0].rows_mut(batches.range());
            let x = Before { entrance, input, outputs: before };
            self.forward_stage(stage, device, (moments, workspace), y, &x, batches, mode);
        }
        let x = Before { entrance, input, outputs };
        self.forward_stage(outputs.len(), device, (last, workspace), y, &x, batches, mode);
    }

    #[allow(clippy::too_many_arguments)]
    fn forward_stage(
        &mut self,
        stage: usize,
        device: &D,
        (moments, workspace): (&mut [Matrix<D>; 2], &mut Matrix<D>),
        y: Out<'_, D>,
        before: &Before<'_, '_, D>,
        batches: &Batches,
        mode: Mode,
    ) {
        let Self { spec, params, statistics, stages, .. } = self;
        let (rows, x) = (batches.all_rows(), before.output(batches));
        let mask = before.mask(spec, stage, rows);
        match (&stages[stage], mode) {
            (PlacedStage::Linear(linear), _) => linear.forward(device, params, y, x, mask, rows),
            (PlacedStage::Convolution(convolution), _) => {
                convolution.forward(device, params, workspace, y, x, mask, rows);
            }
            (PlacedStage::Activation(activation), _) => {
                activation.forward(device, y, x, mask, rows)
            }
            (PlacedStage::Transpose(transpose), _) => transpose.forward(device, y, x, rows),
            (PlacedStage::BatchNorm(norm), Mode::Training) => {
                norm.forward(device, params, statistics, moments, y, x, batches);
            }
            (PlacedStage::BatchNorm(norm), Mode::Evaluation) => {
                norm.evaluate(device, params, statistics, y, x, rows);
            }
        }
    }

    /// Puts the labels' embedding beside x, where there is one.
    fn embed(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        batches: &Batches,
    ) {
        assert_eq!(input.labels.is_some(), self.table.is_some(), "labels for an embedding");
        let shape = self.embedding_shape(batches.all_rows());
        if let (Some(slot), Some(labels), Some(both)) =
            (self.table, input.labels, &mut activations.input)
        {
            let (x, table) = (D::reborrow(&input.x), self.params.values().view(slot));
            device.embedding_concat(both.rows_mut(batches.range()), x, table, labels, &shape);
        }
    }

    /// A pass back, after the gradient of the output was written to
    /// [`Activations::output_gradient`]; input and y are those of the pass forward. Writes dx, the
    /// gradient of x (without a label's features), where it is asked for.
    #[allow(clippy::too_many_arguments)]
    pub fn backward(
        &self,
        device: &D,
        activations: &mut Activations<D>,
        input: &PassInput<'_, D>,
        y: In<'_, D>,
        batches: &Batches,
        mut parameters: ParameterGradients<'_, D>,
        dx: Option<Out<'_, D>>,
    ) {
        let parts = activations.parts();
        let Parts { input: entrance, outputs, moments, workspace, gradients, label, image } = parts;
        let (range, rows) = (batches.range(), batches.all_rows());
        // The gradient that is changed in place, from one stage that has its own to the next.
        let mut run = gradients.len() - 1;
        for (stage, placed) in self.stages.iter().enumerate().rev() {
            let before = Before { entrance, input, outputs: &outputs[..stage] };
            let x = before.output(batches);
            let y = outputs.get(stage).map_or(D::reborrow(&y), |y| y.rows(range.clone()));
            let mask = before.mask(&self.spec, stage, rows);
            let (earlier, now) = gradients.split_at_mut(run);
            let (dx, dz, target) = (earlier.last_mut(), &mut now[0], parameters.target());
            match placed {
                PlacedStage::Linear(linear) => {
                    linear.backward(device, target, dz, x, y, mask, range.clone());
                }
                PlacedStage::Convolution(convolution) => {
                    let rows = range.clone();
                    convolution.backward(device, target, workspace, dz, x, y, mask, rows);
                }
                PlacedStage::BatchNorm(norm) => {
                    norm.backward(device, &self.params, target, dz, x, y, &moments[stage], batches);
                }
                PlacedStage::Activation(activation) => {
                    activation.backward(device, dz, y, mask, range.clone());
                }
                PlacedStage::Transpose(_) => {}
            }
            if let (false, Some(dx)) = (self.spec.stages()[stage].is_in_place(), dx) {
                let (dx, dz) = (dx.rows_mut(range.clone()), dz.rows(range.clone()));
                self.backward_input(device, stage, workspace, dx, dz, rows, None);
                run -= 1;
            }
        }
        let dz = gradients[0].rows(range.clone());
        let shape = self.embedding_shape(rows);
        if let Some(dx) = dx {
            let columns = self.table.map(|_| shape.input_columns());
            match image {
                None => self.backward_input(device, 0, workspace, dx, dz, rows, columns),
                Some(image) => {
                    let pixels = image.rows_mut(range.clone());
                    self.backward_input(device, 0, workspace, pixels, dz, rows, columns);
                    let extents = [shape.pixels, shape.inputs];
                    device.image_transpose(dx, image.rows(range.clone()), rows, extents);
                }
            }
        }
        if let (Some(target), Some(dlabel)) = (parameters.target(), label) {
            let (to, columns) = (dlabel.rows_mut(range.clone()), Some(shape.label_columns()));
            self.backward_input(device, 0, workspace, to, dz, rows, columns);
            self.backward_table(device, target, dlabel.rows(range), input, rows);
        }
    }

    /// The gradient of a stage's input, all columns of it or some, from that of its output.
    #[allow(clippy::too_many_arguments)]
    fn backward_input(
        &self,
        device: &D,
        stage: usize,
        workspace: &mut Matrix<D>,
        dx: Out<'_, D>,
        dz: In<'_, D>,
        rows: usize,
        columns: Option<Range<usize>>,
    ) {
        let params = &self.params;
        match &self.stages[stage] {
            PlacedStage::Linear(linear) => {
                let columns = columns.unwrap_or(0..linear.inputs());
                linear.backward_input(device, params, dx, dz, rows, columns);
            }
            PlacedStage::Convolution(convolution) => {
                let channels = columns.unwrap_or(0..convolution.inputs());
                convolution.backward_input(device, params, workspace, dx, dz, rows, channels);
            }
            PlacedStage::Transpose(transpose) => transpose.backward_input(device, dx, dz, rows),
            PlacedStage::BatchNorm(_) | PlacedStage::Activation(_) => {}
        }
    }

    /// The gradient of the label embedding's table.
    fn backward_table(
        &self,
        device: &D,
        (gradients, accumulate): Target<'_, D>,
        dlabel: In<'_, D>,
        input: &PassInput<'_, D>,
        rows: usize,
    ) {
        if let (Some(table), Some(labels)) = (self.table, input.labels) {
            let (dtable, shape) = (gradients.view_mut(table), self.embedding_shape(rows));
            device.embedding_backward(dtable, dlabel, labels, &shape, accumulate);
        }
    }

    fn embedding_shape(&self, rows: usize) -> EmbeddingShape {
        let input = self.spec.input();
        let Embedding { classes, first } =
            input.label.unwrap_or(Embedding { classes: 0, first: false });
        let pixels = self.spec.input_pixels();
        EmbeddingShape {
            rows,
            pixels,
            classes,
            width: classes,
            inputs: input.shape.numbers() / pixels,
            label_first: first,
            stride: self.spec.input_stride::<D>(),
        }
    }
}

/// What a stage finds before it.
struct Before<'a, 'b, D: Device> {
    /// x with labels beside it, where the network embeds them.
    entrance: &'a Option<Matrix<D>>,
    input: &'a PassInput<'b, D>,
    outputs: &'a [Matrix<D>],
}

impl<'a, D: Device> Before<'a, '_, D> {
    /// The stage's input.
    fn output(&self, batches: &Batches) -> In<'a, D> {
        match (self.outputs.last(), self.entrance) {
            (Some(output), _) => output.rows(batches.range()),
            (None, Some(both)) => both.rows(batches.range()),
            (None, None) => D::reborrow(&self.input.x),
        }
    }

    fn mask(&self, spec: &NetworkSpec, stage: usize, rows: usize) -> Option<In<'a, D>> {
        self.input.masks.as_ref().and_then(|masks| masks.of(spec, stage, rows))
    }
}

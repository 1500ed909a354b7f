//! The backward pass of a discriminator with gradient penalties.
//!
//! Layers compute a_l = φ(W_l·a_{l−1} + b_l) with piecewise linear activations, so near an input image a_0
//! the output is a linear function of it. Its slope g, the gradient with respect to the image, is what a
//! penalty is about. All gradients then come from three passes:
//!
//! 1. A backward pass that starts with 1 for each image gives the gradients d_l of the output with
//!    respect to W_l·a_{l−1} + b_l, and g.
//! 2. v_0, the derivative of the penalty with respect to g, is passed through the same linear function:
//!    v_l = φ′ ⊙ (W_l·v_{l−1}), without biases. It is the *tangent* of a_l in the direction v_0.
//! 3. With e_n, the derivative of the loss with respect to the output for image n, the gradient of loss
//!    and penalty together is dW_l = Σ_n d_l·(e_n·a_{l−1} + v_{l−1})ᵀ and db_l = Σ_n e_n·d_l.
//!
//! So a penalty costs a gradient with respect to images and a forward pass, and no further product for
//! the weights' gradients. Second derivatives of activations do not occur, which is why networks with
//! smooth activations or BatchNorm are [refused](NetworkSpec::obstacle_to_penalties).

use std::ops::Range;

use super::activations::{Activations, Batches, Parts};
use super::matrix::Matrix;
use super::network::Network;
use super::params::Flat;
use super::passes::{ParameterGradients, PassInput, StageInput};
use super::plan::Stage;
use super::spec::NetworkSpec;
use super::stage::{PlacedStage, Target};
use crate::device::ops::Activation;
use crate::device::{Device, FloatBuffer, In, InInts, Out, Result};

/// Tangents of a network's activations, for a number of rows.
pub struct Tangents<D: Device> {
    /// Of the images, channels first.
    images: Matrix<D>,
    /// Of the images concatenated with the labels' embedding, if there is one; labels have none.
    input: Option<Matrix<D>>,
    /// An embedding of zeros.
    no_embedding: FloatBuffer<D>,
    /// Of the outputs of all stages before the last one with weights.
    outputs: Vec<Matrix<D>>,
    /// The gradient of the label's embedding, times the loss's derivative.
    label: Option<Matrix<D>>,
    /// The derivative of the loss with respect to the network's output, for each row.
    slopes: Matrix<D>,
}

impl<D: Device> Tangents<D> {
    /// Allocates tangents for `rows` rows.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &D, spec: &NetworkSpec, rows: usize) -> Result<Self> {
        let zeros = |columns| Matrix::zeros(device, rows, columns);
        let Widths { images, input, outputs, label } = Widths::of::<D>(spec);
        Ok(Self {
            images: zeros(images)?,
            input: input.map(zeros).transpose()?,
            no_embedding: device.allocate(spec.classes() * spec.classes())?,
            outputs: outputs.map(zeros).collect::<Result<_>>()?,
            label: label.map(zeros).transpose()?,
            slopes: zeros(1)?,
        })
    }

    /// Number of elements of all buffers.
    pub fn elements(spec: &NetworkSpec, rows: usize) -> usize {
        let Widths { images, input, outputs, label } = Widths::of::<D>(spec);
        let row = images + input.unwrap_or(0) + outputs.sum::<usize>() + label.unwrap_or(0) + 1;
        rows * row + spec.classes() * spec.classes()
    }

    /// The gradients of the output with respect to some rows of images, or what replaces them: the
    /// derivative of a penalty with respect to these gradients.
    pub fn images_mut(&mut self, rows: Range<usize>) -> Out<'_, D> {
        self.images.rows_mut(rows)
    }
}

/// Elements in a row of each buffer.
struct Widths<I> {
    images: usize,
    input: Option<usize>,
    outputs: I,
    label: Option<usize>,
}

impl Widths<()> {
    fn of<D: Device>(spec: &NetworkSpec) -> Widths<impl Iterator<Item = usize>> {
        let label = spec.input().label.as_ref();
        Widths {
            images: spec.input().shape.elements(),
            input: label.map(|_| spec.input_len::<D>()),
            outputs: spec.stages()[..spec.last_with_weights()].iter().map(Stage::outputs),
            label: label.map(|label| spec.input_pixels() * label.classes),
        }
    }
}

fn has_weights(stage: &Stage) -> bool {
    matches!(stage, Stage::Linear(_) | Stage::Convolution(_))
}

impl NetworkSpec {
    /// The index of the last stage that has weights.
    fn last_with_weights(&self) -> usize {
        self.stages().iter().rposition(has_weights).unwrap_or(0)
    }

    /// Why gradients of this network cannot be penalized, if they cannot.
    pub fn obstacle_to_penalties(&self) -> Option<&'static str> {
        let smooth = |stage: &Stage| match stage.activation() {
            Activation::Identity | Activation::Relu | Activation::LeakyRelu { .. } => None,
            Activation::Tanh => Some("Tanh"),
            Activation::Sigmoid => Some("Sigmoid"),
        };
        let norm = self.has_batch_norm().then_some("BatchNorm");
        norm.or_else(|| self.stages().iter().find_map(smooth))
    }
}

impl<D: Device> Network<D> {
    /// The first pass: the gradients of the output with respect to all stages, which `activations`
    /// keeps, and the gradients of all biases. On entry [`Activations::output_gradient`] holds the
    /// derivative of the loss with respect to the output, for `batches` (of which those without a loss
    /// come last, after `with_loss` rows).
    #[allow(clippy::too_many_arguments)]
    #[inline(never)]
    pub fn backward_from_ones(
        &self,
        device: &D,
        (activations, tangents): (&mut Activations<D>, &mut Tangents<D>),
        input: &PassInput<'_, D>,
        y: In<'_, D>,
        batches: &Batches,
        with_loss: usize,
        gradients: &mut Flat<D>,
    ) {
        let (slopes, rows) = (&mut tangents.slopes, batches.all_rows());
        device.constant_fill(slopes.rows_mut(0..rows), 0.0);
        activations.copy_output_gradient(device, slopes.rows_mut(0..with_loss), with_loss);
        device.constant_fill(activations.output_gradient(batches), 1.0);
        let weighted = ParameterGradients::WeightedBiases(gradients, slopes.rows(0..rows));
        self.backward(device, activations, input, y, batches, weighted, None);
    }

    /// The gradients of the output with respect to the images of some batches, after
    /// [`Network::backward_from_ones`]: written to [`Tangents::images_mut`].
    pub fn image_gradients(
        &self,
        device: &D,
        (activations, tangents): (&mut Activations<D>, &mut Tangents<D>),
        batches: &Batches,
    ) {
        let images = tangents.images.rows_mut(batches.range());
        self.backward_to_input(device, activations, batches.range(), images);
    }

    /// The other two passes: tangents of the rows `penalized`, whose images' tangents are in
    /// [`Tangents::images_mut`], and the gradients of all weights and of the label's embedding.
    #[inline(never)]
    pub fn backward_along_tangents(
        &self,
        device: &D,
        (activations, tangents): (&mut Activations<D>, &mut Tangents<D>),
        input: &PassInput<'_, D>,
        batches: &Batches,
        penalized: Range<usize>,
        gradients: &mut Flat<D>,
    ) {
        if let Some(labels) = &input.labels {
            self.embed_tangents(device, tangents, labels, penalized.clone());
        }
        let last = self.spec().last_with_weights();
        // The gradient buffer of the current stage, which in-place stages share.
        let mut current = 0;
        for stage in 0..=last {
            if stage < last {
                let both = (&mut *activations, &mut *tangents);
                self.tangent(device, both, input, stage, penalized.clone());
            }
            if has_weights(&self.spec().stages()[stage]) {
                let Parts { input: embedded, outputs, workspace, gradients: buffers, .. } =
                    activations.parts();
                let before = StageInput { embedded, input, outputs: &outputs[..stage] };
                let (a, dz) = (before.x(batches.range()), buffers[current].rows(batches.range()));
                let x = tangents.add_activations(device, stage, a, batches.all_rows(), &penalized);
                self.backward_weight(stage, device, gradients, workspace, dz, x, batches);
            }
            current += usize::from(!self.spec().stages()[stage].is_in_place());
        }
        if let Some(labels) = &input.labels {
            let target = Target { gradients, accumulate: false, row_weights: None };
            let both = (activations, tangents);
            self.backward_scaled_labels(device, both, labels, batches, target);
        }
    }

    /// The gradient of the weights of a stage.
    #[allow(clippy::too_many_arguments)]
    fn backward_weight(
        &self,
        stage: usize,
        device: &D,
        gradients: &mut Flat<D>,
        workspace: &mut Matrix<D>,
        dz: In<'_, D>,
        x: In<'_, D>,
        batches: &Batches,
    ) {
        let target = Target { gradients, accumulate: false, row_weights: None };
        let rows = batches.all_rows();
        match &self.stages[stage] {
            PlacedStage::Linear(linear) => linear.backward_weight(device, target, dz, x, rows),
            PlacedStage::Convolution(convolution) => {
                convolution.backward_weight(device, target, workspace, dz, x, rows);
            }
            _ => {}
        }
    }

    /// Concatenates the tangents of images with those of labels' embeddings, which are zero.
    fn embed_tangents(
        &self,
        device: &D,
        tangents: &mut Tangents<D>,
        labels: &InInts<'_, D>,
        rows: Range<usize>,
    ) {
        let Tangents { images, input: Some(both), no_embedding, .. } = tangents else { return };
        let (table, shape) = (
            D::view(no_embedding, 0..self.spec.classes().pow(2)),
            self.embedding_shape(rows.len()),
        );
        let labels = D::split(D::reborrow(labels), rows.len()).0;
        let images = images.rows(rows.clone());
        device.embedding_concat(both.rows_mut(rows), images, table, labels, &shape);
    }

    /// The tangents of a stage's output.
    fn tangent(
        &self,
        device: &D,
        (activations, tangents): (&mut Activations<D>, &mut Tangents<D>),
        input: &PassInput<'_, D>,
        stage: usize,
        rows: Range<usize>,
    ) {
        let Parts { input: embedded, outputs, workspace, .. } = activations.parts();
        let saved = StageInput { embedded, input, outputs: &outputs[..stage] };
        let (y, mask) =
            (outputs[stage].rows(rows.clone()), saved.mask(&self.spec, stage, rows.clone()));
        let (x, tangent) = tangents.around(stage);
        let (x, weights) = (x.rows(rows.clone()), self.weights());
        match &self.stages[stage] {
            PlacedStage::Linear(linear) => {
                linear.tangent(device, weights, tangent, x, y, mask, rows);
            }
            PlacedStage::Convolution(convolution) => {
                convolution.tangent(device, weights, workspace, tangent, x, y, mask, rows);
            }
            PlacedStage::Activation(activation) => {
                activation.tangent(device, tangent, x, y, mask, rows);
            }
            PlacedStage::Transpose(transpose) => {
                transpose.forward(device, tangent.rows_mut(rows.clone()), x, rows.len());
            }
            PlacedStage::BatchNorm(_) => panic!("gradients through BatchNorm are not penalized"),
        }
    }

    /// The gradient of the label's embedding: penalties do not depend on it.
    fn backward_scaled_labels(
        &self,
        device: &D,
        (activations, tangents): (&mut Activations<D>, &mut Tangents<D>),
        labels: &InInts<'_, D>,
        batches: &Batches,
        target: Target<'_, D>,
    ) {
        let Tangents { label: Some(scaled), slopes, .. } = tangents else { return };
        let (rows, columns) = (batches.all_rows(), scaled.columns());
        let dlabel = self.backward_to_label(device, activations, batches.range());
        device.rows_scale(scaled.rows_mut(0..rows), dlabel, slopes.rows(0..rows), columns, false);
        self.backward_table(device, target, scaled.rows(0..rows), labels, rows);
    }
}

impl<D: Device> Tangents<D> {
    /// The tangents of a stage's input and output.
    fn around(&mut self, stage: usize) -> (&Matrix<D>, &mut Matrix<D>) {
        let (before, now) = self.outputs.split_at_mut(stage);
        let input = self.input.as_ref().unwrap_or(&self.images);
        (before.last().unwrap_or(input), &mut now[0])
    }

    /// Replaces the tangents v of a stage's input a by e·a + v in the rows `penalized`, and by e·a in all
    /// others.
    fn add_activations(
        &mut self,
        device: &D,
        stage: usize,
        a: In<'_, D>,
        rows: usize,
        penalized: &Range<usize>,
    ) -> In<'_, D> {
        let Self { images, input, outputs, slopes, .. } = self;
        let x = match stage.checked_sub(1) {
            Some(before) => &mut outputs[before],
            None => input.as_mut().unwrap_or(images),
        };
        let (columns, Range { start, end }) = (x.columns(), penalized.clone());
        let (before, rest) = D::split(a, start * columns);
        let (within, after) = D::split(rest, (end - start) * columns);
        let parts = [(0..start, before), (start..end, within), (end..rows, after)];
        for (part, a) in parts.into_iter().filter(|(part, _)| !part.is_empty()) {
            let (weights, accumulate) = (slopes.rows(part.clone()), part == *penalized);
            device.rows_scale(x.rows_mut(part), a, weights, columns, accumulate);
        }
        x.rows(0..rows)
    }
}

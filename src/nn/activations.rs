//! Activations: what a forward pass saves for the backward pass.
//!
//! They belong to the caller, not to the network: the same network can run several passes, each with
//! activations of its own, or forward passes only.

use std::ops::Range;

use super::matrix::Matrix;
use super::plan::Stage;
use super::spec::NetworkSpec;
use crate::device::ops::ConvolutionShape;
use crate::device::{Device, In, Out, Result};

/// The rows of the activations that a pass uses: consecutive batches with the same number of rows. A
/// BatchNorm normalizes each batch separately.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Rows of each batch that this rank has.
    pub rows: usize,
    /// The range of batches, counted from 0.
    pub which: Range<usize>,
    /// Rows of each batch on all ranks, if BatchNorm normalizes them together.
    pub across: Option<usize>,
}

impl Batches {
    /// The first batch alone.
    pub fn one(rows: usize) -> Self {
        Self { rows, which: 0..1, across: None }
    }

    /// The range of all their rows.
    pub fn range(&self) -> Range<usize> {
        self.which.start * self.rows..self.which.end * self.rows
    }

    /// The number of all their rows.
    pub fn all_rows(&self) -> usize {
        self.which.len() * self.rows
    }
}

/// A network's activations, for a maximum number of batches and rows.
pub struct Activations<D: Device> {
    /// The input concatenated with the label's embedding, if there is one.
    pub(super) input: Option<Matrix<D>>,
    /// The outputs of all stages but the last, whose output belongs to the caller.
    pub(super) outputs: Vec<Matrix<D>>,
    /// Mean and 1/standard deviation of each batch, for each stage; empty except for BatchNorm.
    pub(super) moments: Vec<[Matrix<D>; 2]>,
    /// The workspace that all convolutions share.
    pub(super) workspace: Matrix<D>,
    /// Gradients, if there are backward passes.
    gradients: Option<Gradients<D>>,
}

/// Gradients of activations.
struct Gradients<D: Device> {
    /// Of the outputs of stages that are not in place; in-place stages that follow share the buffer.
    outputs: Vec<Matrix<D>>,
    /// Of the label's embedding.
    label: Option<Matrix<D>>,
    /// Of an image concatenated with the embedding, channels last, if that differs from its own order.
    image: Option<Matrix<D>>,
}

impl<D: Device> Activations<D> {
    /// Allocates activations for `batches` batches of up to `rows` rows, with gradients.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &D, spec: &NetworkSpec, rows: usize, batches: usize) -> Result<Self> {
        Self::with_gradients(device, spec, rows, [batches; 2])
    }

    /// The same with another number of batches for gradients, the second one. If it is larger, merged
    /// passes are possible.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn with_gradients(
        device: &D,
        spec: &NetworkSpec,
        rows: usize,
        [batches, of_gradients]: [usize; 2],
    ) -> Result<Self> {
        let workspace = workspace::<D>(spec, rows * of_gradients);
        let mut activations = Self::of_passes(device, spec, [rows, batches], workspace)?;
        let zeros = |columns| Matrix::zeros(device, rows * of_gradients, columns);
        activations.gradients = Some(Gradients {
            outputs: widths_of_gradients(spec).map(zeros).collect::<Result<_>>()?,
            label: label_gradient(spec).map(zeros).transpose()?,
            image: image_gradient(spec).map(zeros).transpose()?,
        });
        Ok(activations)
    }

    /// The same for forward passes only.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn forward_only(
        device: &D,
        spec: &NetworkSpec,
        rows: usize,
        batches: usize,
    ) -> Result<Self> {
        let workspace = workspace::<D>(spec, rows * batches);
        Self::of_passes(device, spec, [rows, batches], workspace)
    }

    fn of_passes(
        device: &D,
        spec: &NetworkSpec,
        [rows, batches]: [usize; 2],
        workspace: usize,
    ) -> Result<Self> {
        let zeros = |columns| Matrix::zeros(device, rows * batches, columns);
        let input =
            spec.input().label.as_ref().map(|_| zeros(spec.input_len::<D>())).transpose()?;
        let inner = &spec.stages()[..spec.stages().len() - 1];
        let moments = |stage: &Stage| {
            let columns = if let Stage::BatchNorm(norm) = stage { norm.features } else { 0 };
            let zeros = || Matrix::zeros(device, batches, columns);
            Ok([zeros()?, zeros()?])
        };
        Ok(Self {
            input,
            outputs: inner.iter().map(|stage| zeros(stage.outputs())).collect::<Result<_>>()?,
            moments: spec.stages().iter().map(moments).collect::<Result<_>>()?,
            workspace: Matrix::zeros(device, 1, workspace)?,
            gradients: None,
        })
    }

    /// Number of elements of all buffers.
    pub fn elements(spec: &NetworkSpec, rows: usize, [batches, of_gradients]: [usize; 2]) -> usize {
        let gradients = widths_of_gradients(spec).sum::<usize>()
            + label_gradient(spec).unwrap_or(0)
            + image_gradient(spec).unwrap_or(0);
        let workspaces =
            [of_gradients, batches].map(|batches| workspace::<D>(spec, rows * batches));
        Self::elements_forward_only(spec, rows, batches) + workspaces[0] - workspaces[1]
            + rows * of_gradients * gradients
    }

    /// The same for forward passes only.
    pub fn elements_forward_only(spec: &NetworkSpec, rows: usize, batches: usize) -> usize {
        let input = spec.input().label.as_ref().map_or(0, |_| spec.input_len::<D>());
        let outputs: usize = spec.stages().iter().map(Stage::outputs).sum();
        let inner = outputs - spec.output().elements();
        let norms: usize = spec.batch_norms().map(|(_, features)| 2 * features).sum();
        batches * (rows * (input + inner) + norms) + workspace::<D>(spec, rows * batches)
    }

    /// The gradient of the network's output, to be written before a backward pass.
    ///
    /// # Panics
    /// When there are no gradients.
    pub fn output_gradient(&mut self, batches: &Batches) -> Out<'_, D> {
        let Parts { gradients, .. } = self.parts();
        let last = gradients.len() - 1;
        gradients[last].rows_mut(batches.range())
    }

    /// Copies the gradient of the network's output for the first `rows` rows.
    pub(super) fn copy_output_gradient(&mut self, device: &D, to: Out<'_, D>, rows: usize) {
        let Parts { gradients, .. } = self.parts();
        let last = &gradients[gradients.len() - 1];
        device.copy(to, last.rows(0..rows), rows * last.columns());
    }

    /// The output of a stage other than the last.
    pub fn output(&self, stage: usize, batches: &Batches) -> In<'_, D> {
        self.outputs[stage].rows(batches.range())
    }

    /// The buffers that a backward pass reads, and the gradients that it writes.
    ///
    /// # Panics
    /// When there are no gradients.
    pub(super) fn parts(&mut self) -> Parts<'_, D> {
        let Self { input, outputs, moments, workspace, gradients } = self;
        let Some(Gradients { outputs: gradients, label, image }) = gradients else {
            panic!("these activations are for forward passes only");
        };
        Parts { input, outputs, moments, workspace, gradients, label, image }
    }
}

/// The buffers that a backward pass reads, and the gradients that it writes.
pub(super) struct Parts<'a, D: Device> {
    pub(super) input: &'a Option<Matrix<D>>,
    pub(super) outputs: &'a [Matrix<D>],
    pub(super) moments: &'a [[Matrix<D>; 2]],
    pub(super) workspace: &'a mut Matrix<D>,
    pub(super) gradients: &'a mut [Matrix<D>],
    pub(super) label: &'a mut Option<Matrix<D>>,
    pub(super) image: &'a mut Option<Matrix<D>>,
}

/// The width of the gradient of each stage that is not in place.
fn widths_of_gradients(spec: &NetworkSpec) -> impl Iterator<Item = usize> {
    spec.stages().iter().filter(|stage| !stage.is_in_place()).map(Stage::outputs)
}

/// The width of the gradient of a label's embedding, which is repeated at every pixel.
fn label_gradient(spec: &NetworkSpec) -> Option<usize> {
    spec.input().label.as_ref().map(|label| spec.input_pixels() * label.classes)
}

/// The width of the gradient of an image concatenated with it.
fn image_gradient(spec: &NetworkSpec) -> Option<usize> {
    let (numbers, pixels) = (spec.input().shape.elements(), spec.input_pixels());
    (spec.input().label.is_some() && pixels > 1 && numbers > pixels).then_some(numbers)
}

/// Elements of the workspace of the largest convolution.
fn workspace<D: Device>(spec: &NetworkSpec, rows: usize) -> usize {
    let of_stage = |stage: &Stage| match stage {
        Stage::Convolution(stage) => D::workspace(ConvolutionShape { rows, ..stage.shape }),
        _ => 0,
    };
    spec.stages().iter().map(of_stage).max().unwrap_or(0)
}

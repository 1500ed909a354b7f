//! What a pass through a network leaves behind for the pass back.
//!
//! They belong to whoever makes passes, not to the network: it can be gone through twice, each time
//! with activations of its own, or by somebody who never goes back.

use std::ops::Range;

use super::matrix::Matrix;
use super::plan::Stage;
use super::spec::NetworkSpec;
use crate::device::ops::ConvolutionShape;
use crate::device::{Device, In, Out, Result};

/// Which rows of its activations a pass is about: batches that stand side by side, of as many rows
/// each. A BatchNorm normalises each batch by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batches {
    /// Rows of each batch.
    pub rows: usize,
    /// Which batches, counted from 0.
    pub which: Range<usize>,
}

impl Batches {
    /// The first batch alone.
    pub fn one(rows: usize) -> Self {
        Self { rows, which: 0..1 }
    }

    /// All their rows.
    pub fn range(&self) -> Range<usize> {
        self.which.start * self.rows..self.which.end * self.rows
    }

    /// How many rows they have together.
    pub fn all_rows(&self) -> usize {
        self.which.len() * self.rows
    }

    /// Number and rows of each batch.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, Range<usize>)> {
        let rows = self.rows;
        self.which.clone().map(move |batch| (batch, batch * rows..(batch + 1) * rows))
    }
}

/// A network's activations for up to so many batches of so many rows.
pub struct Activations<D: Device> {
    /// The input with the label's embedding beside it, where there is one.
    pub(super) input: Option<Matrix<D>>,
    /// The output of every stage but the last, whose output is the caller's.
    pub(super) outputs: Vec<Matrix<D>>,
    /// Mean and 1/deviation of each batch, for each stage; empty but for BatchNorm's.
    pub(super) moments: Vec<[Matrix<D>; 2]>,
    /// What convolutions take in turn.
    pub(super) workspace: Matrix<D>,
    /// What the pass back writes, if there is to be one.
    back: Option<Back<D>>,
}

/// Gradients of activations.
struct Back<D: Device> {
    /// Of the outputs of stages that are not in place, in whose places also of what follows them.
    outputs: Vec<Matrix<D>>,
    /// Of the label's embedding.
    label: Option<Matrix<D>>,
    /// Of an image beside the embedding, channels last, where that is another order than the image's.
    image: Option<Matrix<D>>,
}

impl<D: Device> Activations<D> {
    /// Room for `batches` batches of up to `rows` rows, forward and back.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &D, spec: &NetworkSpec, rows: usize, batches: usize) -> Result<Self> {
        let mut activations = Self::forward_only(device, spec, rows, batches)?;
        let zeros = |columns| Matrix::zeros(device, rows * batches, columns);
        activations.back = Some(Back {
            outputs: widths_of_gradients(spec).map(zeros).collect::<Result<_>>()?,
            label: label_gradient(spec).map(zeros).transpose()?,
            image: image_gradient(spec).map(zeros).transpose()?,
        });
        Ok(activations)
    }

    /// The same without a way back.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn forward_only(
        device: &D,
        spec: &NetworkSpec,
        rows: usize,
        batches: usize,
    ) -> Result<Self> {
        let zeros = |columns| Matrix::zeros(device, rows * batches, columns);
        let input = spec.input().label.map(|_| zeros(spec.input_len::<D>())).transpose()?;
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
            workspace: Matrix::zeros(device, 1, workspace::<D>(spec, rows * batches))?,
            back: None,
        })
    }

    /// Numbers that all of it has.
    pub fn numbers(spec: &NetworkSpec, rows: usize, batches: usize) -> usize {
        let back = widths_of_gradients(spec).sum::<usize>()
            + label_gradient(spec).unwrap_or(0)
            + image_gradient(spec).unwrap_or(0);
        Self::numbers_forward_only(spec, rows, batches) + rows * batches * back
    }

    /// The same without a way back.
    pub fn numbers_forward_only(spec: &NetworkSpec, rows: usize, batches: usize) -> usize {
        let input = spec.input().label.map_or(0, |_| spec.input_len::<D>());
        let outputs: usize = spec.stages().iter().map(Stage::outputs).sum();
        let inner = outputs - spec.output().numbers();
        let norms: usize = spec.batch_norms().map(|(_, features)| 2 * features).sum();
        batches * (rows * (input + inner) + norms) + workspace::<D>(spec, rows * batches)
    }

    /// Where the gradient of the network's output goes, before a pass back.
    ///
    /// # Panics
    /// When there is no way back.
    pub fn output_gradient(&mut self, batches: &Batches) -> Out<'_, D> {
        let Parts { gradients, .. } = self.parts();
        let last = gradients.len() - 1;
        gradients[last].rows_mut(batches.range())
    }

    /// The output of a stage but the last.
    pub fn output(&self, stage: usize, batches: &Batches) -> In<'_, D> {
        self.outputs[stage].rows(batches.range())
    }

    /// What a pass back reads, beside the gradients that it writes.
    ///
    /// # Panics
    /// When there is no way back.
    pub(super) fn parts(&mut self) -> Parts<'_, D> {
        let Self { input, outputs, moments, workspace, back } = self;
        let Some(Back { outputs: gradients, label, image }) = back else {
            panic!("these activations are of passes forward only");
        };
        Parts { input, outputs, moments, workspace, gradients, label, image }
    }
}

/// What a pass back reads, and the gradients that it writes.
pub(super) struct Parts<'a, D: Device> {
    pub(super) input: &'a Option<Matrix<D>>,
    pub(super) outputs: &'a [Matrix<D>],
    pub(super) moments: &'a [[Matrix<D>; 2]],
    pub(super) workspace: &'a mut Matrix<D>,
    pub(super) gradients: &'a mut [Matrix<D>],
    pub(super) label: &'a mut Option<Matrix<D>>,
    pub(super) image: &'a mut Option<Matrix<D>>,
}

/// A gradient's width for each stage that is not in place: what follows it up to the next has the same.
fn widths_of_gradients(spec: &NetworkSpec) -> impl Iterator<Item = usize> {
    spec.stages().iter().filter(|stage| !stage.is_in_place()).map(Stage::outputs)
}

/// The width of the gradient of a label's embedding, which stands at every pixel.
fn label_gradient(spec: &NetworkSpec) -> Option<usize> {
    spec.input().label.map(|label| spec.input_pixels() * label.classes)
}

/// The width of the gradient of an image beside it.
fn image_gradient(spec: &NetworkSpec) -> Option<usize> {
    let (numbers, pixels) = (spec.input().shape.numbers(), spec.input_pixels());
    (spec.input().label.is_some() && pixels > 1 && numbers > pixels).then_some(numbers)
}

/// Numbers that the largest convolution of so many rows takes.
fn workspace<D: Device>(spec: &NetworkSpec, rows: usize) -> usize {
    let of_stage = |stage: &Stage| match stage {
        Stage::Convolution(stage) => D::workspace(ConvolutionShape { rows, ..stage.shape }),
        _ => 0,
    };
    spec.stages().iter().map(of_stage).max().unwrap_or(0)
}

//! Fully connected layers and their activations.

use std::ops::Range;

use crate::device::{In, Memory, Out};

/// An elementwise function applied to a layer's output.
///
/// Each derivative is computed from the output y, so the input need not be saved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// y = x; y′ = 1.
    Identity,
    /// y = max(x, 0); y′ = 1 where y > 0, else 0.
    Relu,
    /// y = x where x > 0, else slope · x; y′ = 1 where y > 0, else slope. Slope must be positive.
    LeakyRelu {
        /// Slope for negative numbers.
        slope: f64,
    },
    /// y = tanh x; y′ = 1 − y².
    Tanh,
    /// y = 1 / (1 + e⁻ˣ); y′ = y · (1 − y).
    Sigmoid,
}

/// Extents of a [`Linear`] layer on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinearShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Input features.
    pub inputs: usize,
    /// Output features.
    pub outputs: usize,
}

/// A layer with one output: its output o (rows), weights w (1, inputs) and bias b (1).
pub struct SingleOutput<'o, 'a, D: Memory> {
    /// The output.
    pub o: Out<'o, D>,
    /// The weights.
    pub w: In<'a, D>,
    /// The bias.
    pub b: In<'a, D>,
}

/// The gradients of parameters that [`Linear::single_output_backward`] computes.
pub struct SingleOutputGradients<'a, D: Memory> {
    /// Of the bias of the layer before, (inputs).
    pub dbx: Option<Out<'a, D>>,
    /// Of the weights, (inputs).
    pub dw: Out<'a, D>,
    /// Of the bias, (1).
    pub db: Out<'a, D>,
}

/// Fully connected layers: y = activation(mask ⊙ (x·Wᵀ + b)), PyTorch's
/// [`Linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html) with dropout and
/// activation.
pub trait Linear: Memory {
    /// y = activation(mask ⊙ (x·Wᵀ + b)).
    ///
    /// y (rows, outputs), x (rows, inputs), w (outputs, inputs), b (outputs) or none, mask (rows,
    /// outputs) or none. A dropout mask is ≥ 0, so applying it before or after a (Leaky)ReLU is the
    /// same.
    ///
    /// The last `again` rows of y are for the last rows of x once more, with masks of their own: x has
    /// rows − again rows.
    fn linear_forward(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        w: In<'_, Self>,
        b: Option<In<'_, Self>>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    );

    /// [`Linear::linear_forward`], and the layer with one output behind it: o = y·wᵀ + b with its own w
    /// and b.
    fn linear_forward_to_single_output(
        &self,
        y: Out<'_, Self>,
        output: SingleOutput<'_, '_, Self>,
        x: In<'_, Self>,
        w: In<'_, Self>,
        b: Option<In<'_, Self>>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    );

    /// dW = dzᵀ·x, where z = x·Wᵀ + b; with `accumulate` added to the existing values.
    ///
    /// dw (outputs, inputs), dz (rows, outputs), x (rows, inputs). A device may run this concurrently
    /// with the operations queued next: until the next
    /// [`adam_update`](super::Optimizer::adam_update) that is not `beside` others, the next operation of
    /// [`SpectralNorm`](super::SpectralNorm), upload or download, no operation except this one and
    /// `adam_update` may write dz or x, or read or write dw.
    fn linear_backward_weight(
        &self,
        dw: Out<'_, Self>,
        dz: In<'_, Self>,
        x: In<'_, Self>,
        shape: LinearShape,
        accumulate: bool,
    );

    /// dx = dz·W, restricted to the given columns.
    ///
    /// dx (rows, columns.len()), dz (rows, outputs), w (outputs, inputs).
    fn linear_backward_input(
        &self,
        dx: Out<'_, Self>,
        dz: In<'_, Self>,
        w: In<'_, Self>,
        shape: LinearShape,
        columns: Range<usize>,
    );

    /// y = activation(mask ⊙ x), for activations that do not follow a matrix multiplication.
    ///
    /// y, x (rows, outputs), mask (rows, outputs) or none.
    fn activation_forward(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
    );

    /// y = x, within device memory; y, x (len).
    fn copy(&self, y: Out<'_, Self>, x: In<'_, Self>, len: usize) {
        let shape = LinearShape { rows: 1, inputs: len, outputs: len };
        self.activation_forward(y, x, None, shape, Activation::Identity);
    }

    /// In place: dz = activation′(y) ⊙ mask ⊙ dy; and db = Σ over rows of weight·dz, with `accumulate`
    /// added to the existing values.
    ///
    /// dz (rows, outputs) holds dy on entry; db (outputs) is optional; y (rows, outputs) is the output
    /// of [`Linear::linear_forward`] or [`Linear::activation_forward`]; weights (samples) or none, which
    /// is 1: each applies to rows/samples consecutive rows, the pixels of an image.
    ///
    /// The last `again` rows of dz are for the rows before them once more, with the gradient of another
    /// loss. They are not summed, and y and mask may leave them out: then these rows of dz belong to
    /// their last `again` rows.
    fn bias_activation_backward(
        &self,
        dz: Out<'_, Self>,
        db: Option<Out<'_, Self>>,
        y: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        weights: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    );

    /// The backward pass of a layer with one output, z = x·wᵀ + b, and of the dropout and activation that
    /// x is the output of: dx = activation′(x) ⊙ mask ⊙ (dz·w), and the sums over rows dw = Σ dz·x,
    /// db = Σ dz, dbx = Σ dx, with `accumulate` added to the existing values.
    ///
    /// dx (rows, inputs), dz (rows), w (inputs), x (rows, inputs), mask (rows, inputs) or none; the last
    /// `again` rows as in [`Linear::bias_activation_backward`], where x is y. `shape` has one output.
    fn single_output_backward(
        &self,
        dx: Out<'_, Self>,
        gradients: Option<SingleOutputGradients<'_, Self>>,
        dz: In<'_, Self>,
        w: In<'_, Self>,
        x: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    );
}

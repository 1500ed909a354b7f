//! Fully connected layers and their activations.

use std::ops::Range;

use crate::device::{In, Memory, Out};

/// An elementwise function applied to a layer's output.
///
/// Each derivative can be had from the output y alone, so the input is not kept.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Activation {
    /// y = x; y′ = 1.
    Identity,
    /// y = max(x, 0); y′ = 1 where y > 0, else 0.
    Relu,
    /// y = x where x > 0, else slope · x; y′ = 1 where y > 0, else slope. Slope must be positive.
    LeakyRelu {
        /// Steepness for negative numbers.
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
    /// Numbers in a row of the input.
    pub inputs: usize,
    /// Numbers in a row of the output.
    pub outputs: usize,
}

/// Fully connected layers: y = activation(mask ⊙ (x·Wᵀ + b)), PyTorch's
/// [`Linear`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Linear.html) with what follows it.
pub trait Linear: Memory {
    /// y = activation(mask ⊙ (x·Wᵀ + b)).
    ///
    /// y (rows, outputs), x (rows, inputs), w (outputs, inputs), b (outputs) or none, mask (rows,
    /// outputs) or none. A dropout mask is ≥ 0, so applied before a (Leaky)ReLU it is the same as
    /// after it.
    fn linear_forward(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        w: In<'_, Self>,
        b: Option<In<'_, Self>>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
    );

    /// dW = dzᵀ·x, where z = x·Wᵀ + b; with `accumulate` added to what is there.
    ///
    /// dw (outputs, inputs), dz (rows, outputs), x (rows, inputs). A device may compute this beside
    /// what is queued next: until the next [`adam_update`](super::Optimizer::adam_update), upload or
    /// download no operation may write dz or x, nor read or write dw, but this one again.
    fn linear_backward_weight(
        &self,
        dw: Out<'_, Self>,
        dz: In<'_, Self>,
        x: In<'_, Self>,
        shape: LinearShape,
        accumulate: bool,
    );

    /// dx = dz·W, only the given columns of it.
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

    /// y = activation(mask ⊙ x), where no matrix product comes before.
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

    /// In place: dz = activation′(y) ⊙ mask ⊙ dy; and db = Σ over rows of dz, with `accumulate`
    /// added to what is there.
    ///
    /// dz (rows, outputs) holds dy on entry; db (outputs) is skipped where none is asked for;
    /// y (rows, outputs) is what [`Linear::linear_forward`] or [`Linear::activation_forward`] gave.
    fn bias_activation_backward(
        &self,
        dz: Out<'_, Self>,
        db: Option<Out<'_, Self>>,
        y: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
        accumulate: bool,
    );
}

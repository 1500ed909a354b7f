//! y = activation(mask ⊙ (x∗w + b)), or with wᵀ for a transposed convolution.

use std::ops::Range;

use rand_chacha::ChaCha12Rng;

use super::{Target, bias_gradient};
use crate::device::ops::{Activation, ConvolutionShape, LinearShape, SpectralNormShape};
use crate::device::{Device, In, Out, Result};
use crate::nn::backward_rows::BackwardRows;
use crate::nn::init::{Init, uniform};
use crate::nn::matrix::Matrix;
use crate::nn::params::{Flat, Layout, Params, Slot};
use crate::nn::plan::ConvolutionStage;

/// A convolution with dropout and activation.
pub(in crate::nn) struct Convolution {
    stage: ConvolutionStage,
    w: Slot,
    b: Option<Slot>,
}

impl Convolution {
    pub(in crate::nn) fn place(stage: &ConvolutionStage, params: &mut Layout) -> Self {
        let ConvolutionStage { key, shape, bias, .. } = stage;
        let channels = [shape.outputs, shape.inputs];
        let w = params.add_kernel(stage.weight_key(), channels, shape.kernel);
        let b = bias.then(|| params.add_vector(format!("{key}.bias"), stage.channels(), None));
        Self { stage: stage.clone(), w, b }
    }

    /// The slot and extents of the weights, for spectral normalization.
    pub(in crate::nn) fn normalized_weights(&self) -> (Slot, SpectralNormShape) {
        let (rows, columns) = (self.stage.shape.window_len(), self.stage.shape.outputs);
        (self.w, SpectralNormShape { rows, columns, stride: columns, transposed: true })
    }

    /// Initializes weights and biases.
    pub(in crate::nn) fn initialize<D: Device>(
        &self,
        device: &D,
        params: &mut Params<D>,
        init: Init,
        rng: &mut ChaCha12Rng,
    ) -> Result<()> {
        let shape = &self.stage.shape;
        // PyTorch uses the second axis of the weights as inputs (fan-in), even for a transposed
        // convolution, where it is the outputs.
        let inputs = shape.window_len();
        params.set(device, self.w, &init.weights(rng, shape.w_len(), inputs))?;
        match self.b {
            Some(b) => params.set(device, b, &uniform(rng, self.stage.channels(), inputs)),
            None => Ok(()),
        }
    }

    /// The bias, if the BatchNorm that follows adds it.
    pub(in crate::nn) fn bias_for_batch_norm(&self) -> Option<Slot> {
        self.b.filter(|_| self.stage.normalized)
    }

    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn forward<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        workspace: &mut Matrix<D>,
        y: Out<'_, D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: usize,
    ) {
        let own = self.b.filter(|_| !self.stage.normalized);
        let (shape, activation) = (self.shape(rows), self.stage.epilogue.activation);
        let (w, b) = (weights.view(self.w), own.map(|b| weights.view(b)));
        let (workspace, all) = (workspace.part(D::workspace(shape)), 0..self.stage.channels());
        match self.stage.transposed {
            false => {
                device.convolution_forward(y, workspace, x, w, b, mask, shape, all, activation);
            }
            true => {
                device.convolution_transpose(y, workspace, x, w, b, mask, shape, all, activation);
            }
        }
    }

    /// From dy to dz in place, the gradient of x∗w + b, and the gradients of weights and biases.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward<D: Device>(
        &self,
        device: &D,
        target: Option<Target<'_, D>>,
        workspace: &mut Matrix<D>,
        dz: &mut Matrix<D>,
        x: In<'_, D>,
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: &BackwardRows<'_>,
    ) {
        let mut target = target;
        // If a BatchNorm follows, subtracting its mean cancels the bias, as after a Linear.
        if !self.stage.normalized {
            let (pixels, channels) = (self.stage.pixels(), self.stage.channels());
            let (all, again) = (rows.all().len() * pixels, rows.again * pixels);
            let linear = LinearShape { rows: all, inputs: channels, outputs: channels };
            let dy = dz.rows_mut(rows.all());
            let (db, weights, add) = bias_gradient(&mut target, self.b);
            let activation = self.stage.epilogue.activation;
            device
                .bias_activation_backward(dy, db, y, mask, weights, linear, activation, again, add);
        }
        if let Some(target) = target.filter(|target| target.row_weights.is_none()) {
            let rows = rows.parameters();
            let dz = dz.rows(rows.clone());
            self.backward_weight(device, target, workspace, dz, x, rows.len());
        }
    }

    /// The gradient of the weights.
    pub(in crate::nn) fn backward_weight<D: Device>(
        &self,
        device: &D,
        target: Target<'_, D>,
        workspace: &mut Matrix<D>,
        dz: In<'_, D>,
        x: In<'_, D>,
        rows: usize,
    ) {
        let (dw, shape) = (target.gradients.view_mut(self.w), self.shape(rows));
        let workspace = workspace.part(D::workspace(shape));
        let (x, dz) = (D::reborrow(&x), D::reborrow(&dz));
        let (dy, x) = if self.stage.transposed { (x, dz) } else { (dz, x) };
        device.convolution_backward_weight(dw, workspace, dy, x, shape, target.accumulate);
    }

    /// The tangent of y from that of x.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn tangent<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        workspace: &mut Matrix<D>,
        tangent: &mut Matrix<D>,
        x: In<'_, D>,
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: Range<usize>,
    ) {
        let (w, shape) = (weights.view(self.w), self.shape(rows.len()));
        let (workspace, all) = (workspace.part(D::workspace(shape)), 0..self.stage.channels());
        let (to, alone) = (tangent.rows_mut(rows.clone()), Activation::Identity);
        match self.stage.transposed {
            false => device.convolution_forward(to, workspace, x, w, None, None, shape, all, alone),
            true => {
                device.convolution_transpose(to, workspace, x, w, None, None, shape, all, alone)
            }
        }
        let outputs = self.stage.pixels() * self.stage.channels();
        let (shape, activation) = (
            LinearShape { rows: rows.len(), inputs: outputs, outputs },
            self.stage.epilogue.activation,
        );
        let tangent = tangent.rows_mut(rows);
        device.bias_activation_backward(tangent, None, y, mask, None, shape, activation, 0, false);
    }

    /// The gradient of x, restricted to some channels, after [`Convolution::backward`].
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward_input<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        workspace: &mut Matrix<D>,
        dx: Out<'_, D>,
        dz: In<'_, D>,
        rows: usize,
        channels: Range<usize>,
    ) {
        let (w, shape) = (weights.view(self.w), self.shape(rows));
        let (workspace, alone) = (workspace.part(D::workspace(shape)), Activation::Identity);
        match self.stage.transposed {
            false => device
                .convolution_transpose(dx, workspace, dz, w, None, None, shape, channels, alone),
            true => {
                device.convolution_forward(dx, workspace, dz, w, None, None, shape, channels, alone)
            }
        }
    }

    /// Channels of the input.
    pub(in crate::nn) fn inputs(&self) -> usize {
        let shape = &self.stage.shape;
        if self.stage.transposed { shape.outputs } else { shape.inputs }
    }

    fn shape(&self, rows: usize) -> ConvolutionShape {
        ConvolutionShape { rows, ..self.stage.shape }
    }
}

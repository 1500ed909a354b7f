//! y = activation(mask ⊙ (x∗w + b)), or with wᵀ for a transposed convolution.

use std::ops::Range;

use rand_chacha::ChaCha12Rng;

use super::Target;
use crate::device::ops::{Activation, ConvolutionShape, LinearShape};
use crate::device::{Device, In, Out, Result};
use crate::nn::init::{Init, uniform};
use crate::nn::matrix::Matrix;
use crate::nn::params::{Layout, Params, Slot};
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
        let w = params.add_kernel(format!("{key}.weight"), channels, shape.kernel);
        let b = bias.then(|| params.add_vector(format!("{key}.bias"), stage.channels(), None));
        Self { stage: stage.clone(), w, b }
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
        params: &Params<D>,
        workspace: &mut Matrix<D>,
        y: Out<'_, D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: usize,
    ) {
        let own = self.b.filter(|_| !self.stage.normalized);
        let (shape, activation) = (self.shape(rows), self.stage.epilogue.activation);
        let (w, b) = (params.values().view(self.w), own.map(|b| params.values().view(b)));
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
        rows: Range<usize>,
    ) {
        let shape = self.shape(rows.len());
        let (mut gradients, accumulate) = target.unzip();
        // If a BatchNorm follows, subtracting its mean cancels the bias, as after a Linear.
        if !self.stage.normalized {
            let (pixels, channels) = (self.stage.pixels(), self.stage.channels());
            let linear =
                LinearShape { rows: rows.len() * pixels, inputs: channels, outputs: channels };
            let dy = dz.rows_mut(rows.clone());
            let db = gradients.as_mut().zip(self.b).map(|(gradients, b)| gradients.view_mut(b));
            let (activation, add) = (self.stage.epilogue.activation, accumulate.unwrap_or(false));
            device.bias_activation_backward(dy, db, y, mask, linear, activation, add);
        }
        if let (Some(gradients), Some(accumulate)) = (gradients, accumulate) {
            let dw = gradients.view_mut(self.w);
            let (dz, workspace) = (dz.rows(rows), workspace.part(D::workspace(shape)));
            let x = D::reborrow(&x);
            let (dy, x) = if self.stage.transposed { (x, dz) } else { (dz, x) };
            device.convolution_backward_weight(dw, workspace, dy, x, shape, accumulate);
        }
    }

    /// The gradient of x, restricted to some channels, after [`Convolution::backward`].
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward_input<D: Device>(
        &self,
        device: &D,
        params: &Params<D>,
        workspace: &mut Matrix<D>,
        dx: Out<'_, D>,
        dz: In<'_, D>,
        rows: usize,
        channels: Range<usize>,
    ) {
        let (w, shape) = (params.values().view(self.w), self.shape(rows));
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

//! y = activation(mask ⊙ (x·Wᵀ + b)).

use std::ops::Range;

use rand_chacha::ChaCha12Rng;

use super::{Target, bias_gradient};
use crate::device::ops::{
    Activation, EmbeddingShape, LinearShape, SingleOutput, SingleOutputGradients, SpectralNormShape,
};
use crate::device::{Device, In, InInts, Out, Result};
use crate::nn::backward_rows::BackwardRows;
use crate::nn::init::{Init, uniform};
use crate::nn::matrix::Matrix;
use crate::nn::params::{Flat, Layout, Params, Slot};
use crate::nn::plan::LinearStage;

/// A Linear layer with dropout and activation.
pub(in crate::nn) struct Linear {
    stage: LinearStage,
    /// Elements from one row of the input, and of the weights, to the next, including padding.
    stride: usize,
    w: Slot,
    b: Slot,
}

impl Linear {
    pub(in crate::nn) fn place(stage: &LinearStage, stride: usize, params: &mut Layout) -> Self {
        let &LinearStage { ref key, inputs, outputs, input_image, output_image, .. } = stage;
        let images = [output_image, input_image];
        let w = params.add_matrix(stage.weight_key(), [outputs, inputs], stride, images);
        let b = params.add_vector(format!("{key}.bias"), outputs, output_image);
        Self { stage: stage.clone(), stride, w, b }
    }

    /// The slot and extents of the weights, for spectral normalization.
    pub(in crate::nn) fn normalized_weights(&self) -> (Slot, SpectralNormShape) {
        let LinearStage { inputs, outputs, .. } = self.stage;
        let shape = SpectralNormShape {
            rows: outputs,
            columns: inputs,
            stride: self.stride,
            transposed: false,
        };
        (self.w, shape)
    }

    /// Initializes weights and biases.
    pub(in crate::nn) fn initialize<D: Device>(
        &self,
        device: &D,
        params: &mut Params<D>,
        init: Init,
        rng: &mut ChaCha12Rng,
    ) -> Result<()> {
        let LinearStage { inputs, outputs, .. } = self.stage;
        params.set(device, self.w, &init.weights(rng, outputs * inputs, inputs))?;
        params.set(device, self.b, &uniform(rng, outputs, inputs))
    }

    /// The bias, if the BatchNorm that follows adds it.
    pub(in crate::nn) fn bias_for_batch_norm(&self) -> Option<Slot> {
        self.stage.normalized.then_some(self.b)
    }

    /// The last `again` rows of y are for the last rows of x once more.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn forward<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        y: Out<'_, D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: usize,
        again: usize,
    ) {
        let w = weights.view(self.w);
        let b = (!self.stage.normalized).then(|| weights.view(self.b));
        let activation = self.stage.epilogue.activation;
        device.linear_forward(y, x, w, b, mask, self.shape(rows), activation, again);
    }

    /// The forward pass together with that of a layer with one output behind it, which writes o.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn forward_to<D: Device>(
        &self,
        output: &Linear,
        o: Out<'_, D>,
        device: &D,
        weights: &Flat<D>,
        y: Out<'_, D>,
        (x, mask): (In<'_, D>, Option<In<'_, D>>),
        rows: usize,
        again: usize,
    ) {
        let (w, b) = (weights.view(self.w), Some(weights.view(self.b)));
        let (shape, activation) = (self.shape(rows), self.stage.epilogue.activation);
        let output = SingleOutput { o, w: weights.view(output.w), b: weights.view(output.b) };
        device.linear_forward_to_single_output(y, output, x, w, b, mask, shape, activation, again);
    }

    /// From dy to dz in place, the gradient of x·Wᵀ + b, and the gradients of weights and biases. If it is
    /// `activated`, dz and the gradient of the bias are already there.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward<D: Device>(
        &self,
        device: &D,
        target: Option<Target<'_, D>>,
        dz: &mut Matrix<D>,
        x: In<'_, D>,
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: &BackwardRows<'_>,
        activated: bool,
    ) {
        let (shape, activation) = (self.shape(rows.all().len()), self.stage.epilogue.activation);
        let mut target = target;
        // If a BatchNorm follows, subtracting its mean cancels the bias: there is nothing to do, and
        // the gradient of the bias stays zero.
        if !self.stage.normalized && !activated {
            let (dy, again) = (dz.rows_mut(rows.all()), rows.again);
            let (db, weights, add) = bias_gradient(&mut target, Some(self.b));
            device
                .bias_activation_backward(dy, db, y, mask, weights, shape, activation, again, add);
        }
        if let Some(target) = target.filter(|target| target.row_weights.is_none()) {
            let rows = rows.parameters();
            self.backward_weight(device, target, dz.rows(rows.clone()), x, rows.len());
        }
    }

    /// From dz of the product of the Linear layer `behind` to that of this layer, dx, and the gradient of
    /// the bias.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward_product<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        mut target: Option<Target<'_, D>>,
        dx: Out<'_, D>,
        (behind, dz): (&Linear, In<'_, D>),
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: &BackwardRows<'_>,
    ) {
        let (w, shape) = (weights.view(behind.w), behind.shape(rows.all().len()));
        let (dbx, _, add) = bias_gradient(&mut target, Some(self.b));
        let (activation, again) = (self.stage.epilogue.activation, rows.again);
        device.linear_activation_backward(dx, dbx, dz, w, y, mask, shape, activation, again, add);
    }

    /// Whether it is a layer with one output and nothing behind it.
    pub(in crate::nn) fn has_single_output(&self) -> bool {
        let LinearStage { outputs, normalized, .. } = self.stage;
        outputs == 1 && !normalized && self.stage.epilogue.is_none()
    }

    /// The backward pass of a layer with one output. If it follows the Linear layer `before`, this is
    /// [activated](Linear::backward).
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward_single_output<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        target: Option<Target<'_, D>>,
        before: Option<&Linear>,
        dx: &mut Matrix<D>,
        dz: &Matrix<D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: &BackwardRows<'_>,
    ) {
        let accumulate = target.as_ref().is_some_and(|target| target.accumulate);
        let gradients = target.map(|target| {
            let bias = before.map(|before| before.b);
            let (dbx, dw, db) = target.gradients.neighbours_mut(bias, self.w, self.b);
            SingleOutputGradients { dbx, dw, db }
        });
        let activation =
            before.map_or(Activation::Identity, |before| before.stage.epilogue.activation);
        let (range, again) = (rows.all(), rows.again);
        let (w, shape) = (weights.view(self.w), self.shape(range.len()));
        let (dx, dz) = (dx.rows_mut(range.clone()), dz.rows(range));
        device.single_output_backward(
            dx, gradients, dz, w, x, mask, shape, activation, again, accumulate,
        );
    }

    /// Whether a BatchNorm follows directly.
    pub(in crate::nn) fn is_normalized(&self) -> bool {
        self.stage.normalized
    }

    /// dW = dzᵀ·x.
    pub(in crate::nn) fn backward_weight<D: Device>(
        &self,
        device: &D,
        target: Target<'_, D>,
        dz: In<'_, D>,
        x: In<'_, D>,
        rows: usize,
    ) {
        let (dw, shape) = (target.gradients.view_mut(self.w), self.shape(rows));
        device.linear_backward_weight(dw, dz, x, shape, target.accumulate);
    }

    /// The tangent of y from that of x.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn tangent<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        tangent: &mut Matrix<D>,
        x: In<'_, D>,
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: Range<usize>,
    ) {
        let (w, shape) = (weights.view(self.w), self.shape(rows.len()));
        let (to, alone) = (tangent.rows_mut(rows.clone()), Activation::Identity);
        device.linear_forward(to, x, w, None, None, shape, alone, 0);
        let activation = self.stage.epilogue.activation;
        let tangent = tangent.rows_mut(rows);
        device.bias_activation_backward(tangent, None, y, mask, None, shape, activation, 0, false);
    }

    /// dx = dz·W, restricted to some columns, after [`Linear::backward`].
    pub(in crate::nn) fn backward_input<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        dx: Out<'_, D>,
        dz: In<'_, D>,
        rows: usize,
        columns: Range<usize>,
    ) {
        let w = weights.view(self.w);
        device.linear_backward_input(dx, dz, w, self.shape(rows), columns);
    }

    /// The gradient of the table of the label's embedding in the input, after [`Linear::backward`].
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward_embedding<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        dtable: Out<'_, D>,
        dz: In<'_, D>,
        labels: InInts<'_, D>,
        shape: &EmbeddingShape,
        accumulate: bool,
    ) {
        let (w, outputs) = (weights.view(self.w), self.stage.outputs);
        device.embedding_backward_linear(dtable, dz, w, labels, shape, outputs, accumulate);
    }

    /// The weights.
    pub(in crate::nn) fn w<'a, D: Device>(&self, weights: &'a Flat<D>) -> In<'a, D> {
        weights.view(self.w)
    }

    /// Features of the output.
    pub(in crate::nn) fn outputs(&self) -> usize {
        self.stage.outputs
    }

    /// Elements from one row of the input to the next.
    pub(in crate::nn) fn stride(&self) -> usize {
        self.stride
    }

    /// Features of the input.
    pub(in crate::nn) fn inputs(&self) -> usize {
        self.stage.inputs
    }

    fn shape(&self, rows: usize) -> LinearShape {
        LinearShape { rows, inputs: self.stride, outputs: self.stage.outputs }
    }
}

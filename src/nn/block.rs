//! A linear layer with what follows it: [BatchNorm] → activation, or [dropout] → activation.

use std::ops::Range;

use super::init::{Init, uniform};
use super::matrix::Matrix;
use super::params::{Layout, Params, Slot};
use crate::Result;
use crate::device::ops::{Activation, Affine, AffineGradients, BatchNormShape, LinearShape};
use crate::device::{Device, In, Out, Reals};
use rand_chacha::ChaCha12Rng;

/// What a block is made of.
#[derive(Clone, Debug, PartialEq)]
pub struct BlockSpec {
    /// Numbers in a row of the input.
    pub inputs: usize,
    /// Numbers in a row of the output.
    pub outputs: usize,
    /// Eps and momentum of a BatchNorm behind the linear layer.
    pub batch_norm: Option<(f64, f64)>,
    /// Share of outputs that dropout sets to zero. With 0 the module is there and does nothing.
    pub dropout: Option<f64>,
    /// The function at the end.
    pub activation: Activation,
    /// State_dict key of the linear layer, as `model.0`.
    pub linear_key: String,
    /// State_dict key of the BatchNorm, if there is one.
    pub batch_norm_key: String,
}

impl BlockSpec {
    /// Numbers that the block learns.
    pub fn parameters(&self) -> usize {
        let norm = if self.batch_norm.is_some() { 2 * self.outputs } else { 0 };
        (self.inputs + 1) * self.outputs + norm
    }

    /// Whether outputs are dropped in training.
    pub fn drops(&self) -> bool {
        self.dropout.is_some_and(|p| p > 0.0)
    }
}

/// A block's places in the parameters, and its activations for the backward pass.
pub struct Block<D: Device> {
    spec: BlockSpec,
    /// Numbers from one row of the input, and of the weights, to the next: those that the
    /// operations see, of which the last ones may be padding.
    stride: usize,
    w: Slot,
    b: Slot,
    norm: Option<Norm<D>>,
    y: Matrix<D>,
    dy: Matrix<D>,
}

/// The part of a block that is there with batch normalisation only.
struct Norm<D: Device> {
    gamma: Slot,
    beta: Slot,
    running_mean: Slot,
    running_var: Slot,
    eps: f64,
    momentum: f64,
    /// The linear layer's output, before normalisation.
    z: Matrix<D>,
    mean: Reals<D>,
    inv_std: Reals<D>,
}

impl<D: Device> Block<D> {
    /// A block for batches of up to `rows` rows, which begin `stride` numbers apart in its input.
    pub(super) fn new(
        device: &D,
        spec: &BlockSpec,
        stride: usize,
        rows: usize,
        params: &mut Layout,
        statistics: &mut Layout,
    ) -> Result<Self> {
        let key = &spec.linear_key;
        let shape = [spec.outputs, spec.inputs];
        let w = params.add_matrix(format!("{key}.weight"), shape, stride);
        let b = params.add_vector(format!("{key}.bias"), spec.outputs);
        let norm = match spec.batch_norm {
            Some(constants) => Some(Norm::new(device, spec, constants, rows, params, statistics)?),
            None => None,
        };
        Ok(Self {
            stride,
            w,
            b,
            norm,
            y: Matrix::zeros(device, rows, spec.outputs)?,
            dy: Matrix::zeros(device, rows, spec.outputs)?,
            spec: spec.clone(),
        })
    }

    /// Draws weights and biases; sets BatchNorm to the identity.
    pub(super) fn initialize(
        &self,
        device: &D,
        params: &mut Params<D>,
        statistics: &mut Params<D>,
        init: Init,
        rng: &mut ChaCha12Rng,
    ) -> Result<()> {
        let BlockSpec { inputs, outputs, .. } = self.spec;
        params.set(device, self.w, &init.weights(rng, outputs * inputs, inputs))?;
        params.set(device, self.b, &uniform(rng, outputs, inputs))?;
        if let Some(norm) = &self.norm {
            params.set(device, norm.gamma, &vec![1.0; outputs])?;
            params.set(device, norm.beta, &vec![0.0; outputs])?;
            statistics.set(device, norm.running_mean, &vec![0.0; outputs])?;
            statistics.set(device, norm.running_var, &vec![1.0; outputs])?;
        }
        Ok(())
    }

    /// What the block is made of.
    pub fn spec(&self) -> &BlockSpec {
        &self.spec
    }

    /// The last forward pass's output.
    pub fn output(&self, rows: Range<usize>) -> In<'_, D> {
        self.y.rows(rows)
    }

    /// The output, to write rows that no forward pass writes.
    pub fn output_mut(&mut self, rows: Range<usize>) -> Out<'_, D> {
        self.y.rows_mut(rows)
    }

    /// Where the gradient of the output goes, before `Block::backward`.
    pub fn output_gradient(&mut self, rows: Range<usize>) -> Out<'_, D> {
        self.dy.rows_mut(rows)
    }

    /// The output, to read, and its gradient, to write.
    pub fn output_and_gradient(&mut self, rows: Range<usize>) -> (In<'_, D>, Out<'_, D>) {
        (self.y.rows(rows.clone()), self.dy.rows_mut(rows))
    }

    /// y = activation(norm(x·Wᵀ + b)) or activation(mask ⊙ (x·Wᵀ + b)), in training mode.
    pub(super) fn forward(
        &mut self,
        device: &D,
        params: &Params<D>,
        statistics: &mut Params<D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: Range<usize>,
    ) {
        let shape = self.shape(rows.len());
        let (w, b) = (params.value(self.w), params.value(self.b));
        let y = self.y.rows_mut(rows.clone());
        let activation = self.spec.activation;
        let Some(norm) = &mut self.norm else {
            return device.linear_forward(y, x, w, Some(b), mask, shape, activation);
        };
        let z = norm.z.rows_mut(rows.clone());
        device.linear_forward(z, x, w, None, None, shape, Activation::Identity);
        let (running_mean, running_var) =
            statistics.values_mut(norm.running_mean, norm.running_var);
        let shape = norm.shape(rows.len(), shape.outputs);
        let affine = norm.affine(params);
        device.batch_norm_forward(
            y,
            D::view_mut(&mut norm.mean, 0..shape.columns),
            D::view_mut(&mut norm.inv_std, 0..shape.columns),
            running_mean,
            running_var,
            norm.z.rows(rows),
            b,
            affine,
            shape,
            activation,
        );
    }

    /// The same in evaluation mode: running statistics, no dropout.
    pub(super) fn evaluate(
        &mut self,
        device: &D,
        params: &Params<D>,
        statistics: &Params<D>,
        x: In<'_, D>,
        rows: Range<usize>,
    ) {
        let shape = self.shape(rows.len());
        let (w, b) = (params.value(self.w), params.value(self.b));
        let y = self.y.rows_mut(rows.clone());
        let activation = self.spec.activation;
        let Some(norm) = &mut self.norm else {
            return device.linear_forward(y, x, w, Some(b), None, shape, activation);
        };
        let z = norm.z.rows_mut(rows.clone());
        device.linear_forward(z, x, w, None, None, shape, Activation::Identity);
        device.batch_norm_evaluate(
            y,
            norm.z.rows(rows.clone()),
            b,
            statistics.value(norm.running_mean),
            statistics.value(norm.running_var),
            norm.affine(params),
            norm.shape(rows.len(), shape.outputs),
            activation,
        );
    }

    /// From dy to dz, the gradient of the linear layer's output, in place; with `learn` also the
    /// gradients of the parameters, from the block's input x.
    pub(super) fn backward(
        &mut self,
        device: &D,
        params: &mut Params<D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: Range<usize>,
        learn: bool,
    ) {
        let (shape, activation) = (self.shape(rows.len()), self.spec.activation);
        if let Some(norm) = &self.norm {
            // b learns nothing: its gradient is zero, as which it was allocated.
            norm.backward(device, params, &mut self.dy, &self.y, rows.clone(), activation, learn);
        } else {
            let (dz, y) = (self.dy.rows_mut(rows.clone()), self.y.rows(rows.clone()));
            let db = learn.then(|| params.gradient_mut(self.b));
            device.bias_activation_backward(dz, db, y, mask, shape, activation, false);
        }
        if learn {
            let dw = params.gradient_mut(self.w);
            device.linear_backward_weight(dw, self.dy.rows(rows), x, shape, false);
        }
    }

    /// dx = dz·W, some columns of it, after [`Block::backward`].
    pub(super) fn backward_input(
        &self,
        device: &D,
        params: &Params<D>,
        dx: Out<'_, D>,
        rows: Range<usize>,
        columns: Range<usize>,
    ) {
        let shape = self.shape(rows.len());
        device.linear_backward_input(dx, self.dy.rows(rows), params.value(self.w), shape, columns);
    }

    fn shape(&self, rows: usize) -> LinearShape {
        LinearShape { rows, inputs: self.stride, outputs: self.spec.outputs }
    }
}

impl<D: Device> Norm<D> {
    fn new(
        device: &D,
        spec: &BlockSpec,
        (eps, momentum): (f64, f64),
        rows: usize,
        params: &mut Layout,
        statistics: &mut Layout,
    ) -> Result<Self> {
        let (key, columns) = (&spec.batch_norm_key, spec.outputs);
        Ok(Self {
            gamma: params.add_vector(format!("{key}.weight"), columns),
            beta: params.add_vector(format!("{key}.bias"), columns),
            running_mean: statistics.add_vector(format!("{key}.running_mean"), columns),
            running_var: statistics.add_vector(format!("{key}.running_var"), columns),
            eps,
            momentum,
            z: Matrix::zeros(device, rows, columns)?,
            mean: device.allocate(columns)?,
            inv_std: device.allocate(columns)?,
        })
    }

    fn shape(&self, rows: usize, columns: usize) -> BatchNormShape {
        BatchNormShape { rows, columns, eps: self.eps, momentum: self.momentum }
    }

    fn affine<'a>(&self, params: &'a Params<D>) -> Affine<'a, D> {
        Affine { gamma: params.value(self.gamma), beta: params.value(self.beta) }
    }

    #[allow(clippy::too_many_arguments)]
    fn backward(
        &self,
        device: &D,
        params: &mut Params<D>,
        dy: &mut Matrix<D>,
        y: &Matrix<D>,
        rows: Range<usize>,
        activation: Activation,
        learn: bool,
    ) {
        let columns = y.columns();
        let shape = self.shape(rows.len(), columns);
        let (gamma, dgamma, dbeta) = params.value_and_gradients(self.gamma, self.gamma, self.beta);
        device.batch_norm_backward(
            dy.rows_mut(rows.clone()),
            learn.then_some(AffineGradients { dgamma, dbeta }),
            y.rows(rows.clone()),
            self.z.rows(rows),
            D::view(&self.mean, 0..columns),
            D::view(&self.inv_std, 0..columns),
            gamma,
            shape,
            activation,
            false,
        );
    }
}

//! y = activation(gamma·x̂ + beta), with x̂ normalized by the batch's or the running statistics.

use rand_chacha::ChaCha12Rng;

use super::{Linear, Target};
use crate::device::ops::{Affine, AffineGradients, BatchNormShape};
use crate::device::{Device, In, Out, Result};
use crate::nn::activations::Batches;
use crate::nn::init::Init;
use crate::nn::matrix::Matrix;
use crate::nn::params::{Flat, Layout, Params, Slot};
use crate::nn::plan::BatchNormStage;

/// A BatchNorm with the activation that follows it.
pub(in crate::nn) struct BatchNorm {
    stage: BatchNormStage,
    /// The bias of the Linear or convolution right before it, if there is one.
    bias: Option<Slot>,
    gamma: Slot,
    beta: Slot,
    running_mean: Slot,
    running_var: Slot,
}

impl BatchNorm {
    pub(in crate::nn) fn place(
        stage: &BatchNormStage,
        bias: Option<Slot>,
        params: &mut Layout,
        statistics: &mut Layout,
    ) -> Self {
        let &BatchNormStage { ref key, features, image, .. } = stage;
        Self {
            stage: stage.clone(),
            bias,
            gamma: params.add_vector(format!("{key}.weight"), features, image),
            beta: params.add_vector(format!("{key}.bias"), features, image),
            running_mean: statistics.add_vector(format!("{key}.running_mean"), features, image),
            running_var: statistics.add_vector(format!("{key}.running_var"), features, image),
        }
    }

    /// Initializes gains and biases, and running statistics to mean 0 and variance 1.
    pub(in crate::nn) fn initialize<D: Device>(
        &self,
        device: &D,
        params: &mut Params<D>,
        statistics: &mut Params<D>,
        init: Init,
        rng: &mut ChaCha12Rng,
    ) -> Result<()> {
        let BatchNormStage { features, of_images, .. } = self.stage;
        let gains = if of_images { init.gains(rng, features) } else { vec![1.0; features] };
        params.set(device, self.gamma, &gains)?;
        params.set(device, self.beta, &vec![0.0; features])?;
        statistics.set(device, self.running_mean, &vec![0.0; features])?;
        statistics.set(device, self.running_var, &vec![1.0; features])
    }

    /// Training mode: normalizes by each batch's statistics, and updates the running statistics.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn forward<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        statistics: &mut Params<D>,
        [mean, inv_std]: &mut [Matrix<D>; 2],
        y: Out<'_, D>,
        x: In<'_, D>,
        batches: &Batches,
    ) {
        let (running_mean, running_var) =
            statistics.values_mut().adjacent_mut(self.running_mean, self.running_var);
        device.batch_norm_forward(
            y,
            mean.rows_mut(batches.which.clone()),
            inv_std.rows_mut(batches.which.clone()),
            running_mean,
            running_var,
            x,
            self.bias(weights),
            self.affine(weights),
            self.shape(batches),
            self.stage.epilogue.activation,
        );
    }

    /// The same for one batch, together with the product of the Linear layer right before.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn forward_product<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        statistics: &mut Params<D>,
        [mean, inv_std]: &mut [Matrix<D>; 2],
        y: Out<'_, D>,
        (linear, product, x): (&Linear, Out<'_, D>, In<'_, D>),
        batches: &Batches,
    ) {
        let (running_mean, running_var) =
            statistics.values_mut().adjacent_mut(self.running_mean, self.running_var);
        device.linear_batch_norm_forward(
            y,
            mean.rows_mut(batches.which.clone()),
            inv_std.rows_mut(batches.which.clone()),
            running_mean,
            running_var,
            product,
            x,
            linear.w(weights),
            self.bias(weights),
            self.affine(weights),
            linear.stride(),
            self.shape(batches),
            self.stage.epilogue.activation,
        );
    }

    /// Evaluation mode: normalizes by the running statistics.
    pub(in crate::nn) fn evaluate<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        statistics: &Params<D>,
        y: Out<'_, D>,
        x: In<'_, D>,
        rows: usize,
    ) {
        device.batch_norm_evaluate(
            y,
            x,
            self.bias(weights),
            statistics.values().view(self.running_mean),
            statistics.values().view(self.running_var),
            self.affine(weights),
            self.shape(&Batches::one(rows)),
            self.stage.epilogue.activation,
        );
    }

    /// From dy to dx in place, and the gradients of gamma and beta.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        mut target: Option<Target<'_, D>>,
        dx: &mut Matrix<D>,
        x: In<'_, D>,
        y: In<'_, D>,
        [mean, inv_std]: &[Matrix<D>; 2],
        batches: &Batches,
    ) {
        let accumulate = target.as_ref().is_some_and(|target| target.accumulate);
        device.batch_norm_backward(
            dx.rows_mut(batches.range()),
            self.gradients(&mut target),
            y,
            x,
            mean.rows(batches.which.clone()),
            inv_std.rows(batches.which.clone()),
            weights.view(self.gamma),
            self.shape(batches),
            self.stage.epilogue.activation,
            accumulate,
        );
    }

    /// The same for one batch, from dz of the product of the Linear layer right behind.
    #[allow(clippy::too_many_arguments)]
    pub(in crate::nn) fn backward_product<D: Device>(
        &self,
        device: &D,
        weights: &Flat<D>,
        mut target: Option<Target<'_, D>>,
        dx: Out<'_, D>,
        (behind, dz): (&Linear, In<'_, D>),
        x: In<'_, D>,
        y: In<'_, D>,
        [mean, inv_std]: &[Matrix<D>; 2],
        batches: &Batches,
    ) {
        let accumulate = target.as_ref().is_some_and(|target| target.accumulate);
        device.linear_batch_norm_backward(
            dx,
            self.gradients(&mut target),
            dz,
            behind.w(weights),
            y,
            x,
            mean.rows(batches.which.clone()),
            inv_std.rows(batches.which.clone()),
            weights.view(self.gamma),
            behind.outputs(),
            self.shape(batches),
            self.stage.epilogue.activation,
            accumulate,
        );
    }

    fn gradients<'a, D: Device>(
        &self,
        target: &'a mut Option<Target<'_, D>>,
    ) -> Option<AffineGradients<'a, D>> {
        target.as_mut().map(|target| {
            let (dgamma, dbeta) = target.gradients.adjacent_mut(self.gamma, self.beta);
            AffineGradients { dgamma, dbeta }
        })
    }

    /// Columns, each normalized separately; none if it normalizes the pixels of images.
    pub(in crate::nn) fn columns(&self) -> Option<usize> {
        (self.stage.pixels == 1).then_some(self.stage.features)
    }

    fn shape(&self, batches: &Batches) -> BatchNormShape {
        let BatchNormStage { features, pixels, eps, momentum, .. } = self.stage;
        BatchNormShape {
            batches: batches.which.len(),
            rows: batches.rows * pixels,
            across: batches.across.map(|rows| rows * pixels),
            columns: features,
            eps,
            momentum,
        }
    }

    fn bias<'a, D: Device>(&self, weights: &'a Flat<D>) -> Option<In<'a, D>> {
        self.bias.map(|bias| weights.view(bias))
    }

    fn affine<'a, D: Device>(&self, weights: &'a Flat<D>) -> Affine<'a, D> {
        Affine { gamma: weights.view(self.gamma), beta: weights.view(self.beta) }
    }
}

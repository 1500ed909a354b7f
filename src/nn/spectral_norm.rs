//! Spectral normalization of a network's weights: each Linear and convolution computes with W/σ, where σ
//! is the largest singular value of W, as in PyTorch's `parametrizations.spectral_norm`.
//!
//! The parameters, which the optimizer updates and checkpoints hold, are W; passes read W/σ. The singular
//! vectors u and v are approximated by one power iteration for each normalization; they are stored
//! with the running statistics.

use rand_chacha::ChaCha12Rng;

use super::init::standard_normal;
use super::params::{Flat, Layout, Params, Slot};
use super::plan::{ConvolutionStage, LinearStage, Stage};
use super::stage::PlacedStage;
use crate::device::ops::SpectralNormShape;
use crate::device::{Device, FloatBuffer, Result};

/// Power iterations at the start, as in PyTorch.
const INITIAL_ITERATIONS: usize = 15;

/// Normalized weights.
pub(super) struct SpectralNorm<D: Device> {
    /// All parameters, with normalized weights.
    weights: Flat<D>,
    layers: Vec<NormalizedLayer>,
    /// σ of each layer.
    sigmas: FloatBuffer<D>,
}

/// A layer whose weights are normalized.
pub(super) struct NormalizedLayer {
    w: Slot,
    u: Slot,
    v: Slot,
    shape: SpectralNormShape,
}

impl NormalizedLayer {
    /// Adds u and v of a stage to the layout of the running statistics, if its weights are normalized.
    pub(super) fn place(
        stage: &Stage,
        placed: &PlacedStage,
        statistics: &mut Layout,
    ) -> Option<Self> {
        let (key, images) = match stage {
            Stage::Linear(LinearStage {
                key,
                spectral_norm: true,
                input_image,
                output_image,
                ..
            }) => (key, [*output_image, *input_image]),
            Stage::Convolution(ConvolutionStage { key, spectral_norm: true, shape, .. }) => {
                (key, [None, Some([shape.inputs, shape.kernel * shape.kernel])])
            }
            _ => return None,
        };
        let (w, shape) = match placed {
            PlacedStage::Linear(linear) => linear.normalized_weights(),
            PlacedStage::Convolution(convolution) => convolution.normalized_weights(),
            _ => return None,
        };
        let mut vector = |name, len, image| {
            statistics.add_vector(format!("{key}.parametrizations.weight.0.{name}"), len, image)
        };
        let (u, v) =
            (vector("_u", shape.u_len(), images[0]), vector("_v", shape.v_len(), images[1]));
        Some(Self { w, u, v, shape })
    }
}

impl<D: Device> SpectralNorm<D> {
    /// # Errors
    /// When the device has not enough memory.
    pub(super) fn new(
        device: &D,
        params: &Params<D>,
        layers: Vec<NormalizedLayer>,
    ) -> Result<Self> {
        let sigmas = device.allocate(layers.len())?;
        Ok(Self { weights: Flat::like(device, params)?, layers, sigmas })
    }

    /// All parameters, with normalized weights.
    pub(super) fn weights(&self) -> &Flat<D> {
        &self.weights
    }

    /// Random u and v.
    pub(super) fn initialize(
        &self,
        device: &D,
        statistics: &mut Params<D>,
        rng: &mut ChaCha12Rng,
    ) -> Result<()> {
        self.layers.iter().try_for_each(|layer| {
            statistics.set(device, layer.u, &standard_normal(rng, layer.shape.u_len()))?;
            statistics.set(device, layer.v, &standard_normal(rng, layer.shape.v_len()))
        })
    }

    /// The power iterations at the start.
    pub(super) fn begin(&mut self, device: &D, params: &Params<D>, statistics: &mut Params<D>) {
        (0..INITIAL_ITERATIONS).for_each(|_| self.normalize(device, params, statistics, true));
    }

    /// Normalizes the weights, with `iterate` after a power iteration.
    pub(super) fn normalize(
        &mut self,
        device: &D,
        params: &Params<D>,
        statistics: &mut Params<D>,
        iterate: bool,
    ) {
        let Self { weights, layers, sigmas } = self;
        // Everything that is not normalized.
        weights.assign(device, params.values());
        for (i, NormalizedLayer { w, u, v, shape }) in layers.iter().enumerate() {
            let (u, v) = statistics.values_mut().adjacent_mut(*u, *v);
            let (to, from) = (weights.view_mut(*w), params.values().view(*w));
            let sigma = D::view_mut(sigmas, i..i + 1);
            device.spectral_norm_forward(to, u, v, sigma, from, *shape, iterate);
        }
    }

    /// In place, from the gradients of normalized weights to those of the parameters.
    pub(super) fn backward(&self, device: &D, statistics: &Params<D>, gradients: &mut Flat<D>) {
        let Self { weights, layers, sigmas } = self;
        for (i, NormalizedLayer { w, u, v, shape }) in layers.iter().enumerate() {
            let (dw, w) = (gradients.view_mut(*w), weights.view(*w));
            let [u, v] = [u, v].map(|slot| statistics.values().view(*slot));
            device.spectral_norm_backward(dw, w, u, v, D::view(sigmas, i..i + 1), *shape);
        }
    }
}

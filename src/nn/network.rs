//! A network in device memory: its layers and their parameters.

use rand_chacha::ChaCha12Rng;

use super::adam::Adam;
use super::init::{Init, standard_normal};
use super::params::{Flat, Layout, Param, Params, Slot};
use super::plan::Stage;
use super::spec::NetworkSpec;
use super::spectral_norm::{NormalizedLayer, SpectralNorm};
use super::stage::{BatchNorm, Convolution, Linear, PlacedStage};
use crate::device::ops::Average;
use crate::device::{Device, Result};

/// A network: layers and parameters. Activations, gradients and the optimizer belong to the caller.
pub struct Network<D: Device> {
    pub(super) spec: NetworkSpec,
    pub(super) params: Params<D>,
    /// Batch statistics of BatchNorm, singular vectors of spectral normalization.
    pub(super) statistics: Params<D>,
    pub(super) spectral: Option<SpectralNorm<D>>,
    pub(super) stages: Vec<PlacedStage>,
    /// The label embedding's table.
    pub(super) table: Option<Slot>,
}

impl<D: Device> Network<D> {
    /// A network whose parameters are zero.
    ///
    /// # Errors
    /// When the device has not enough memory.
    #[inline(never)]
    pub fn new(device: &D, spec: NetworkSpec) -> Result<Self> {
        let NetworkLayout { params, statistics, stages, table, normalized } =
            NetworkLayout::of::<D>(&spec);
        let params = Params::zeros(device, params)?;
        let spectral = match normalized.is_empty() {
            true => None,
            false => Some(SpectralNorm::new(device, &params, normalized)?),
        };
        Ok(Self {
            params,
            statistics: Params::zeros(device, statistics)?,
            spectral,
            stages,
            table,
            spec,
        })
    }

    /// A copy with the same parameters and running statistics.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn duplicate(&self, device: &D) -> Result<Self> {
        let mut copy = Self::new(device, self.spec.clone())?;
        copy.assign(device, self);
        Ok(copy)
    }

    /// Copies the parameters and running statistics of a network with the same layers.
    pub fn assign(&mut self, device: &D, other: &Self) {
        self.params.values_mut().assign(device, other.params.values());
        self.statistics.values_mut().assign(device, other.statistics.values());
    }

    /// Adds the weights of a network with the same layers, trained by `adam`, to this moving average of
    /// them; running statistics, too.
    pub fn average(&mut self, device: &D, other: &Self, adam: &Adam<D>, constants: Average) {
        let steps = || adam.step_count();
        let (average, values) = (self.params.values_mut(), other.params.values());
        device.average_update(average.all_mut(), values.all(), steps(), constants);
        if !self.statistics.list().is_empty() {
            let (average, values) = (self.statistics.values_mut(), other.statistics.values());
            device.average_update(average.all_mut(), values.all(), steps(), constants);
        }
    }

    /// The names and shapes of the parameters and running statistics of such a network.
    pub fn tensors(spec: &NetworkSpec) -> Vec<Param> {
        let NetworkLayout { params, statistics, .. } = NetworkLayout::of::<D>(spec);
        params.into_params().chain(statistics.into_params()).collect()
    }

    /// Initializes all parameters.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn initialize(&mut self, device: &D, init: Init, rng: &mut ChaCha12Rng) -> Result<()> {
        let Self { spec, params, statistics, spectral, stages, table } = self;
        if let (Some(table), Some(label)) = (table, &spec.input().label) {
            params.set(device, *table, &standard_normal(rng, label.parameters()))?;
        }
        stages.iter().try_for_each(|stage| match stage {
            PlacedStage::Linear(linear) => linear.initialize(device, params, init, rng),
            PlacedStage::Convolution(convolution) => {
                convolution.initialize(device, params, init, rng)
            }
            PlacedStage::BatchNorm(norm) => norm.initialize(device, params, statistics, init, rng),
            PlacedStage::Activation(_) | PlacedStage::Transpose(_) => Ok(()),
        })?;
        if let Some(spectral) = spectral {
            spectral.initialize(device, statistics, rng)?;
            spectral.begin(device, params, statistics);
        }
        Ok(())
    }

    /// Normalizes the weights, if they are to be, after a change of the parameters; with `iterate` after
    /// a power iteration.
    #[inline(never)]
    pub fn normalize(&mut self, device: &D, iterate: bool) {
        if let Self { params, statistics, spectral: Some(spectral), .. } = self {
            spectral.normalize(device, params, statistics, iterate);
        }
    }

    /// In place, from the gradients of normalized weights to those of the parameters.
    #[inline(never)]
    pub fn backward_normalize(&self, device: &D, gradients: &mut Flat<D>) {
        if let Some(spectral) = &self.spectral {
            spectral.backward(device, &self.statistics, gradients);
        }
    }

    /// The parameters that passes compute with.
    pub(super) fn weights(&self) -> &Flat<D> {
        self.spectral.as_ref().map_or(self.params.values(), SpectralNorm::weights)
    }

    /// The network's specification.
    pub fn spec(&self) -> &NetworkSpec {
        &self.spec
    }

    /// The parameters.
    pub fn params(&self) -> &Params<D> {
        &self.params
    }

    /// The parameters, writable.
    pub fn params_mut(&mut self) -> &mut Params<D> {
        &mut self.params
    }

    /// The running statistics of BatchNorm, and the singular vectors of spectral normalization.
    pub fn statistics(&self) -> &Params<D> {
        &self.statistics
    }

    /// The same, writable.
    pub fn statistics_mut(&mut self) -> &mut Params<D> {
        &mut self.statistics
    }
}

/// The layout of a network's flat buffers, and the stages with their slots in it.
struct NetworkLayout {
    params: Layout,
    statistics: Layout,
    stages: Vec<PlacedStage>,
    table: Option<Slot>,
    normalized: Vec<NormalizedLayer>,
}

impl NetworkLayout {
    fn of<D: Device>(spec: &NetworkSpec) -> Self {
        let (mut params, mut statistics) = (Layout::default(), Layout::default());
        let mut stages: Vec<PlacedStage> = Vec::new();
        let mut normalized = Vec::new();
        for stage in spec.stages() {
            let placed = match stage {
                Stage::Linear(linear) => {
                    let first = stages.is_empty();
                    let stride = if first { spec.input_stride::<D>() } else { linear.inputs };
                    PlacedStage::Linear(Linear::place(linear, stride, &mut params))
                }
                Stage::Convolution(convolution) => {
                    PlacedStage::Convolution(Convolution::place(convolution, &mut params))
                }
                Stage::BatchNorm(norm) => {
                    let bias = match stages.last() {
                        Some(PlacedStage::Linear(linear)) => linear.bias_for_batch_norm(),
                        Some(PlacedStage::Convolution(before)) => before.bias_for_batch_norm(),
                        _ => None,
                    };
                    PlacedStage::BatchNorm(BatchNorm::place(
                        norm,
                        bias,
                        &mut params,
                        &mut statistics,
                    ))
                }
                Stage::Activation(activation) => PlacedStage::Activation(activation.clone()),
                Stage::Transpose(transpose) => PlacedStage::Transpose(transpose.clone()),
            };
            normalized.extend(NormalizedLayer::place(stage, &placed, &mut statistics));
            stages.push(placed);
        }
        // After the layers: their weights would be misaligned after a small table.
        let table = spec.input().label.as_ref().map(|label| {
            let (key, classes) = (format!("{}.weight", label.key), label.classes);
            params.add_matrix(key, [classes; 2], classes, [None; 2])
        });
        Self { params, statistics, stages, table, normalized }
    }
}

//! A network together with everything that its training needs.

use super::iteration::{Step, max_batches_of_gradients, max_batches_per_pass};
use super::model::Model;
use super::role::Role;
use crate::device::{Device, Result};
use crate::nn::{Activations, Adam, Flat, Network, NetworkSpec};

/// One of the two networks in training.
pub struct TrainedNetwork<D: Device> {
    /// The network.
    pub network: Network<D>,
    /// The activations that the last forward pass saved.
    pub activations: Activations<D>,
    /// The gradients of the parameters, from the last backward pass.
    pub gradients: Flat<D>,
    /// The optimizer.
    pub adam: Adam<D>,
}

impl<D: Device> TrainedNetwork<D> {
    /// A network with newly initialized weights, and activations for its passes in these steps.
    pub(super) fn new(
        device: &D,
        model: &Model,
        role: Role,
        steps: &[Step],
        seed: u64,
    ) -> Result<Self> {
        let (spec, settings) = (model.network(role), model.settings());
        let mut network = Network::new(device, spec.clone())?;
        let stream = match role {
            Role::Generator => 0,
            Role::Discriminator => 1,
        };
        network.initialize(device, settings.init, &mut crate::rng::host(seed, stream))?;
        let batches = [max_batches_per_pass(steps, role), max_batches_of_gradients(steps, role)];
        let rows = match role {
            Role::Generator => settings.batch_size,
            Role::Discriminator => settings.batch_size / settings.pack,
        };
        Ok(Self {
            activations: Activations::with_gradients(device, spec, rows, batches)?,
            gradients: Flat::like(device, network.params())?,
            adam: Adam::new(device, network.params())?,
            network,
        })
    }

    /// How many floats parameters, normalized parameters, gradients, Adam's moments and running
    /// statistics hold.
    pub(super) fn numbers(spec: &NetworkSpec) -> usize {
        let normalized = if spec.has_spectral_norm() { spec.parameters() } else { 0 };
        4 * spec.parameters() + normalized + spec.statistics()
    }
}

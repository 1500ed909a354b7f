//! A network with all that its training takes.

use super::iteration::{Step, batches_at_once};
use super::model::Model;
use super::role::Role;
use crate::device::{Device, Result, ops};
use crate::nn::{Activations, Adam, Flat, Network, NetworkSpec};

/// One of the two networks in training.
pub struct Player<D: Device> {
    /// The network.
    pub network: Network<D>,
    /// What passes left behind.
    pub activations: Activations<D>,
    /// Gradients of the network's parameters, as the last pass back left them.
    pub gradients: Flat<D>,
    /// The optimiser.
    pub adam: Adam<D>,
}

impl<D: Device> Player<D> {
    /// A network with freshly drawn weights, for its passes in these steps.
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
        let batches = batches_at_once(steps, role);
        Ok(Self {
            activations: Activations::new(device, spec, settings.batch_size, batches)?,
            gradients: Flat::like(device, network.params())?,
            adam: Adam::new(device, network.params())?,
            network,
        })
    }

    /// Numbers that the network's parameters, their gradients and Adam's moments have.
    pub(super) fn numbers(spec: &NetworkSpec) -> usize {
        4 * spec.parameters() + spec.statistics()
    }

    pub(super) fn step(&mut self, device: &D, constants: ops::Adam) {
        let Self { network, gradients, adam, .. } = self;
        adam.step(device, network.params_mut(), gradients, constants);
    }
}

//! One of the classifier's two networks, with memory for its activations and outputs.
//!
//! It has no BatchNorm, so passes in training and evaluation differ only by dropout masks.

use crate::device::{Device, In, Out, Result};
use crate::nn::{
    Activations, Batches, Matrix, Mode, Network, NetworkSpec, ParameterGradients, PassInput,
};

pub(super) struct Subnetwork<D: Device> {
    pub(super) network: Network<D>,
    activations: Activations<D>,
    outputs: Matrix<D>,
}

impl<D: Device> Subnetwork<D> {
    /// A network with all weights zero, and memory for forward passes of `rows` rows.
    pub(super) fn new(device: &D, spec: NetworkSpec, rows: usize) -> Result<Self> {
        Ok(Self {
            activations: Activations::forward_only(device, &spec, rows, 1)?,
            outputs: Matrix::zeros(device, rows, spec.output().elements())?,
            network: Network::new(device, spec)?,
        })
    }

    /// Adds memory for backward passes of up to `rows` rows.
    pub(super) fn with_gradients(mut self, device: &D, rows: usize) -> Result<Self> {
        self.activations = Activations::new(device, self.network.spec(), rows, 1)?;
        Ok(self)
    }

    /// The output of the last forward pass.
    pub(super) fn output(&self, rows: usize) -> In<'_, D> {
        self.outputs.rows(0..rows)
    }

    /// The output, mutable, to replace the input of the next network.
    pub(super) fn output_mut(&mut self, rows: usize) -> Out<'_, D> {
        self.outputs.rows_mut(0..rows)
    }

    /// A forward pass.
    pub(super) fn forward(&mut self, device: &D, input: &PassInput<'_, D>, rows: usize) {
        let Self { network, activations, outputs } = self;
        let y = outputs.rows_mut(0..rows);
        network.forward(device, activations, input, y, &Batches::one(rows), Mode::Training);
    }

    /// The output of the last forward pass, and the buffer for its gradient.
    pub(super) fn output_and_gradient(&mut self, rows: usize) -> (In<'_, D>, Out<'_, D>) {
        let Self { activations, outputs, .. } = self;
        (outputs.rows(0..rows), activations.output_gradient(&Batches::one(rows)))
    }

    /// The backward pass.
    pub(super) fn backward(
        &mut self,
        device: &D,
        input: &PassInput<'_, D>,
        rows: usize,
        gradients: ParameterGradients<'_, D>,
        dx: Option<Out<'_, D>>,
    ) {
        let Self { network, activations, outputs } = self;
        let (y, batches) = (outputs.rows(0..rows), Batches::one(rows));
        network.backward(device, activations, input, y, &batches, gradients, dx);
    }
}

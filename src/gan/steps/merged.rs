//! The steps of merged updates.

use super::{Seen, gradient_of_fakes};
use crate::device::Device;
use crate::device::ops::{RING_COLUMNS, RING_ROWS};
use crate::gan::iteration::Images;
use crate::gan::trained_network::TrainedNetwork;
use crate::gan::{Gan, Role};
use crate::nn::{Batches, MERGED_BATCHES};

impl<D: Device> Gan<D> {
    /// The batches of the discriminator's outputs in a merged pass, and of the gradients.
    fn merged_batches(&self, rows: usize) -> [Batches; 2] {
        let outputs = self.model.discriminator().merged_outputs();
        let rows = rows / self.model.settings().pack;
        [outputs, MERGED_BATCHES].map(|batches| Batches { rows, which: 0..batches, across: None })
    }

    /// Computes the losses of both updates and their gradients with respect to the discriminator's
    /// outputs.
    pub(super) fn losses(&mut self, rows: usize) {
        let [first, second] =
            [Role::Discriminator, Role::Generator].map(|update| self.loss_shape(update, rows));
        let [outputs, gradients] = self.merged_batches(rows);
        let gradient = self.discriminator.activations.output_gradient(&gradients);
        let ring = D::view_mut(&mut self.ring, 0..RING_ROWS * RING_COLUMNS);
        let (outputs, step) = (self.outputs.rows(outputs.range()), D::view(&self.step, 0..1));
        self.device.loss_forward_backward(gradient, ring, outputs, step, first, Some(second));
    }

    /// Computes the gradients of the discriminator's parameters from its loss, and that of the
    /// generator's loss with respect to the fakes.
    pub(super) fn backward_merged(&mut self, rows: usize) {
        let Seen { batches, images } = self.seen(Images::RealAndFake.batches(), rows);
        let [of_outputs, _] = self.merged_batches(rows);
        let (outputs, all) = (self.outputs.rows(of_outputs.range()), &self.images);
        let (all, dx) = gradient_of_fakes(all, &mut self.augmented, &mut self.generator, rows);
        let input = self.inputs.discriminator_input(Role::Generator, all.rows(images), &batches);
        let (device, rows_of_batch) = (&self.device, batches.rows);
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.discriminator;
        network.backward_merged(device, activations, &input, outputs, rows_of_batch, gradients, dx);
        self.backward_augmented(rows);
    }
}

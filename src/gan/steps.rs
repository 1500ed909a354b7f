//! Runs the steps of an iteration.

mod merged;

use std::ops::Range;

use super::augmented_images::AugmentedImages;
use super::dataset::DeviceDataset;
use super::iteration::{Images, Step};
use super::role::Role;
use super::trained_network::TrainedNetwork;
use super::{Gan, Settings};
use crate::device::ops::{LossShape, Penalty, PenaltyShape, RING_COLUMNS, RING_ROWS, Targets};
use crate::device::{Device, Out};
use crate::nn::{Batches, Matrix, Mode, ParameterGradients};

impl<D: Device> Gan<D> {
    pub(super) fn run(&mut self, step: Step, dataset: &DeviceDataset<D>) {
        match step {
            Step::PrepareInputs => self.prepare_inputs(dataset),
            step => self.run_on_share(step),
        }
    }

    /// Runs a step after [`Step::PrepareInputs`] on a batch of `rows` images, with the inputs that are
    /// already in place.
    #[inline(never)]
    pub fn run_on_inputs(&mut self, step: Step, rows: usize) {
        self.share = self.share_of(rows);
        self.run_on_share(step);
    }

    fn run_on_share(&mut self, step: Step) {
        let rows = self.share.rows;
        match step {
            Step::PrepareInputs => {}
            Step::Generate { update } => self.generate(update, rows),
            Step::Augment { update, images } => self.augment(update, images, rows),
            Step::Interpolate => self.interpolate(rows),
            Step::Discriminate { update, images } => self.discriminate(update, images, rows),
            Step::Loss { update } => self.loss(update, rows),
            Step::Losses => self.losses(rows),
            Step::BackwardToFakes => self.backward_to_fakes(rows),
            Step::BackwardMerged => self.backward_merged(rows),
            Step::Backward(Role::Discriminator) => self.backward_discriminator(rows),
            Step::Backward(Role::Generator) => self.backward_generator(rows),
            Step::Penalize => self.penalize(rows),
            Step::BackwardPenalized => self.backward_penalized(rows),
            Step::AllReduce(role) => {
                let (device, TrainedNetwork { gradients, .. }) = self.trained_network_mut(role);
                gradients.all_reduce(device);
            }
            Step::BackwardSpectralNorm => {
                let TrainedNetwork { network, gradients, .. } = &mut self.discriminator;
                network.backward_normalize(&self.device, gradients);
            }
            Step::AdamStep { role, last } => self.adam_step(role, last),
            Step::SpectralNorm => self.discriminator.network.normalize(&self.device, true),
            Step::Average => self.average_generator(),
            Step::CarryMetrics => {
                let ring = D::view_mut(&mut self.ring, 0..RING_ROWS * RING_COLUMNS);
                self.device.ring_carry(ring, D::view(&self.step, 0..1));
            }
        }
    }

    fn prepare_inputs(&mut self, dataset: &DeviceDataset<D>) {
        let (images, step) = (self.images.rows_mut(0..self.share.rows), D::view(&self.step, 0..1));
        self.inputs.prepare(&self.device, images, dataset, step, self.share);
    }

    /// Rows of a batch on all ranks, with so many images in a row, if BatchNorm normalizes them together.
    fn across(&self, pack: usize) -> Option<usize> {
        let together = !self.device.ranks().alone() && !self.settings().local_batch_norm;
        together.then_some(self.share.whole / pack)
    }

    /// The generator's batch.
    fn made(&self, rows: usize) -> Batches {
        Batches { across: self.across(1), ..Batches::one(rows) }
    }

    fn generate(&mut self, update: Role, rows: usize) {
        let (input, batches) = (self.inputs.generator_input(update, rows), self.made(rows));
        let fakes = self.images.rows_mut(rows..2 * rows);
        let TrainedNetwork { network, activations, .. } = &mut self.generator;
        network.forward(&self.device, activations, &input, fakes, &batches, Mode::Training);
    }

    /// Augments the images that the discriminator sees next, but for points between them.
    fn augment(&mut self, update: Role, images: Images, rows: usize) {
        let Some(augmented) = &mut self.augmented else { return };
        let which = images.batches();
        let which = which.start..which.end.min(2);
        let range = which.start * rows..which.end * rows;
        let shape = self.model.settings().augment_shape(range.len());
        let draws = self.inputs.draws(update, which, rows);
        let (to, from) = (augmented.images.rows_mut(range.clone()), self.images.rows(range));
        self.device.augment_forward(to, from, draws, shape);
    }

    /// Makes the third batch of images: points between the other two.
    fn interpolate(&mut self, rows: usize) {
        let Settings { image, pack, .. } = self.model.settings();
        let (points, pixels) = (rows / pack, pack * image.pixels());
        let images = match &mut self.augmented {
            Some(augmented) => &mut augmented.images,
            None => &mut self.images,
        };
        let images = images.rows_mut(0..3 * rows);
        self.device.images_interpolate(images, self.inputs.alpha(points), pixels);
    }

    /// Batches of the discriminator, where `rows` images make a batch.
    fn seen(&self, which: Range<usize>, rows: usize) -> Seen {
        let pack = self.model.settings().pack;
        let batches = Batches { rows: rows / pack, which, across: self.across(pack) };
        Seen { images: batches.which.start * rows..batches.which.end * rows, batches }
    }

    /// Those of the discriminator's update.
    fn seen_by_discriminator(&self, rows: usize) -> Seen {
        let images = match self.model.settings().gp > 0.0 {
            true => Images::WithInterpolated,
            false => Images::RealAndFake,
        };
        self.seen(images.batches(), rows)
    }

    fn discriminate(&mut self, update: Role, images: Images, rows: usize) {
        let twice = images == Images::FakeTwice;
        let Seen { batches, images } = self.seen(images.batches(), rows);
        let images = seen(&self.images, &self.augmented).rows(images);
        let input = self.inputs.discriminator_input(update, images, &batches);
        let (device, outputs) = (&self.device, &mut self.outputs);
        let TrainedNetwork { network, activations, .. } = &mut self.discriminator;
        if twice {
            return network.forward_merged(device, activations, &input, outputs, batches.rows);
        }
        let outputs = outputs.rows_mut(batches.range());
        network.forward(device, activations, &input, outputs, &batches, Mode::Training);
    }

    /// The extents and targets of an update's loss.
    fn loss_shape(&self, update: Role, rows: usize) -> LossShape {
        let settings = self.model.settings();
        let (targets, scale) = match update {
            Role::Discriminator => (Targets::RealThenFake, settings.d_loss_scale),
            Role::Generator => (Targets::FakeAsReal, 1.0),
        };
        let (criterion, real_label) = (settings.loss.criterion(update), settings.real_label);
        let [rows, whole] = [rows, self.share.whole].map(|images| images / settings.pack);
        LossShape { rows, whole, criterion, scale, targets, real_label }
    }

    /// Computes the loss of an update and its gradient with respect to the discriminator's outputs.
    fn loss(&mut self, update: Role, rows: usize) {
        let shape = self.loss_shape(update, rows);
        let images = if shape.parts() == 2 { Images::RealAndFake } else { Images::Fake };
        let Seen { batches, .. } = self.seen(images.batches(), rows);
        let gradient = self.discriminator.activations.output_gradient(&batches);
        let ring = D::view_mut(&mut self.ring, 0..RING_ROWS * RING_COLUMNS);
        let (outputs, step) = (self.outputs.rows(batches.range()), D::view(&self.step, 0..1));
        self.device.loss_forward_backward(gradient, ring, outputs, step, shape, None);
    }

    /// Computes the gradients of the discriminator's parameters from its loss on real images and
    /// fakes.
    fn backward_discriminator(&mut self, rows: usize) {
        let Seen { batches, images } = self.seen(Images::RealAndFake.batches(), rows);
        let all = seen(&self.images, &self.augmented);
        let (images, outputs) = (all.rows(images), self.outputs.rows(batches.range()));
        let input = self.inputs.discriminator_input(Role::Discriminator, images, &batches);
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.discriminator;
        let gradients = ParameterGradients::Overwrite(gradients);
        network.backward(&self.device, activations, &input, outputs, &batches, gradients, None);
    }

    /// Computes the gradients of the discriminator's output with respect to images, and replaces them
    /// by the derivatives of the penalties.
    fn penalize(&mut self, rows: usize) {
        let (settings, Seen { batches, images }) =
            (self.model.settings(), self.seen_by_discriminator(rows));
        let Some(tangents) = &mut self.tangents else { return };
        let all = seen(&self.images, &self.augmented);
        let (images, outputs) = (all.rows(images), self.outputs.rows(batches.range()));
        let input = self.inputs.discriminator_input(Role::Discriminator, images, &batches);
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.discriminator;
        let both = (&mut *activations, &mut *tangents);
        let with_loss = 2 * batches.rows;
        network.backward_from_ones(
            &self.device,
            both,
            &input,
            outputs,
            &batches,
            with_loss,
            gradients,
        );
        let penalized = Batches { which: settings.penalized_batches(), ..batches };
        network.image_gradients(&self.device, (activations, tangents), &penalized);
        let ring = &mut self.ring;
        for batch in penalized.which {
            let (penalty, rows) = (Penalty::ALL[batch], batches.rows);
            let gradients = tangents.images_mut(batch * rows..(batch + 1) * rows);
            let (factor, scale) =
                (settings.penalty_factor(penalty), f64::from(settings.penalty_interval));
            if factor == 0.0 {
                self.device.constant_fill(gradients, 0.0);
                continue;
            }
            let pixels = settings.pack * settings.image.pixels();
            let whole = self.share.whole / settings.pack;
            let shape = PenaltyShape { rows, whole, pixels, penalty, factor, scale };
            let ring = D::view_mut(ring, 0..RING_ROWS * RING_COLUMNS);
            let step = D::view(&self.step, 0..1);
            self.device.penalty_forward_backward(gradients, ring, step, shape);
        }
    }

    /// Computes the gradients of the discriminator's parameters from its loss and penalties.
    fn backward_penalized(&mut self, rows: usize) {
        let Seen { batches, images } = self.seen_by_discriminator(rows);
        let Some(tangents) = &mut self.tangents else { return };
        let images = seen(&self.images, &self.augmented).rows(images);
        let input = self.inputs.discriminator_input(Role::Discriminator, images, &batches);
        let which = self.model.settings().penalized_batches();
        let penalized = Batches { which, ..batches }.range();
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.discriminator;
        let both = (activations, tangents);
        network.backward_along_tangents(&self.device, both, &input, &batches, penalized, gradients);
    }

    /// Computes the gradients of the generator's parameters from that of the fakes.
    fn backward_generator(&mut self, rows: usize) {
        let (fakes, own) = (self.images.rows(rows..2 * rows), self.made(rows));
        let input = self.inputs.generator_input(Role::Generator, rows);
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.generator;
        let gradients = ParameterGradients::Overwrite(gradients);
        network.backward(&self.device, activations, &input, fakes, &own, gradients, None);
    }

    /// Computes the gradient of the generator's loss with respect to the fakes.
    fn backward_to_fakes(&mut self, rows: usize) {
        let Seen { batches, images } = self.seen(Images::Fake.batches(), rows);
        let (outputs, all) = (self.outputs.rows(batches.range()), &self.images);
        let (all, dx) = gradient_of_fakes(all, &mut self.augmented, &mut self.generator, rows);
        let input = self.inputs.discriminator_input(Role::Generator, all.rows(images), &batches);
        let (device, ignore) = (&self.device, ParameterGradients::Ignore);
        let TrainedNetwork { network, activations, .. } = &mut self.discriminator;
        network.backward(device, activations, &input, outputs, &batches, ignore, Some(dx));
        self.backward_augmented(rows);
    }

    /// From the gradient of augmented fakes to that of the fakes themselves.
    fn backward_augmented(&mut self, rows: usize) {
        let Some(AugmentedImages { gradients, .. }) = &self.augmented else { return };
        let dfakes = self.generator.activations.output_gradient(&Batches::one(rows));
        let draws = self.inputs.draws(Role::Generator, Images::Fake.batches(), rows);
        let shape = self.model.settings().augment_shape(rows);
        self.device.augment_backward(dfakes, gradients.rows(0..rows), draws, shape);
    }

    fn adam_step(&mut self, role: Role, last: bool) {
        let first = self.first_iterations[role as usize];
        let constants = self.model.settings().adam(role, first, self.total);
        // The rest of merged updates needs nothing of the discriminator.
        let beside = role == Role::Discriminator && self.steps().contains(&Step::BackwardMerged);
        let Self { device, generator, discriminator, step, .. } = self;
        let TrainedNetwork { network, gradients, adam, .. } = match role {
            Role::Generator => generator,
            Role::Discriminator => discriminator,
        };
        let (params, iteration) = (network.params_mut(), last.then(|| D::view_mut(step, 0..1)));
        adam.step(device, params, gradients, constants, iteration, beside);
    }

    /// Adds the generator's weights and running statistics to their moving averages.
    fn average_generator(&mut self) {
        let TrainedNetwork { network, adam, .. } = &self.generator;
        if let (Some(average), Some(constants)) =
            (&mut self.average, self.model.settings().average())
        {
            average.average(&self.device, network, adam, constants);
        }
    }
}

/// The images that the discriminator sees.
fn seen<'a, D: Device>(
    images: &'a Matrix<D>,
    augmented: &'a Option<AugmentedImages<D>>,
) -> &'a Matrix<D> {
    augmented.as_ref().map_or(images, |augmented| &augmented.images)
}

/// The images that the discriminator sees, and where the gradient of its fakes goes.
fn gradient_of_fakes<'a, D: Device>(
    images: &'a Matrix<D>,
    augmented: &'a mut Option<AugmentedImages<D>>,
    generator: &'a mut TrainedNetwork<D>,
    rows: usize,
) -> (&'a Matrix<D>, Out<'a, D>) {
    match augmented {
        Some(AugmentedImages { images, gradients }) => (images, gradients.rows_mut(0..rows)),
        None => (images, generator.activations.output_gradient(&Batches::one(rows))),
    }
}

/// Batches of images that the discriminator sees.
struct Seen {
    batches: Batches,
    /// The rows of the images, of which each row of a batch has one or, packed, several.
    images: Range<usize>,
}

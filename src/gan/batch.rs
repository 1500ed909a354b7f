//! The inputs of an iteration besides images: noise, labels and dropout masks.
//!
//! All of them are sampled before the updates, which read nothing else. Tests replace them by those
//! of golden runs.

mod label_blocks;
mod masks;
mod replaced;

use std::ops::Range;

use super::dataset::DeviceDataset;
use super::iteration::{Pass, Step, batches_per_iteration};
use super::model::Model;
use super::role::Role;
use super::settings::Settings;
use crate::device::ops::AUGMENT_DRAWS;
use crate::device::{Device, FloatBuffer, In, InInts, Out, Result};
use crate::nn::{Batches, Masks, Matrix, PassInput};
use crate::rng::{Stream, site};
use label_blocks::LabelBlocks;
use masks::{Mask, elements, masks};

/// One iteration's noise, labels and dropout masks, in device memory.
///
/// Noise and labels of the discriminator's update come first, then those of the generator's. If
/// both updates share their fakes, there is one set for both.
pub struct BatchInputs<D: Device> {
    seed: u64,
    /// How many batches of fakes the generator makes in an iteration: 1 or 2.
    fake_batches: usize,
    conditional: bool,
    noise: Matrix<D>,
    blocks: LabelBlocks,
    labels: D::Buffer<u32>,
    /// For each image that the discriminator sees, the weight of the real one in the point between a
    /// real and a generated image at which its gradient is penalized.
    alpha: FloatBuffer<D>,
    /// Random numbers of the augmentation: for each update, of the real images and of the fakes.
    draws: Matrix<D>,
    masks: FloatBuffer<D>,
    /// Site and columns of each mask, as [`Random::masks_sample`] takes them.
    ///
    /// [`Random::masks_sample`]: crate::device::ops::Random::masks_sample
    mask_table: D::Buffer<u32>,
    /// The masks in the order of the buffer.
    plan: Vec<Mask>,
}

impl<D: Device> BatchInputs<D> {
    pub(super) fn new(device: &D, model: &Model, steps: &[Step], seed: u64) -> Result<Self> {
        let settings = model.settings();
        let rows = settings.batch_size;
        let fake_batches = batches_per_iteration(steps, Role::Generator);
        let plan = masks(model, steps);
        let table: Vec<u32> = plan.iter().flat_map(Mask::parts).flatten().collect();
        let mut mask_table = device.allocate(table.len())?;
        device.upload(D::view_mut(&mut mask_table, 0..table.len()), &table)?;
        Ok(Self {
            seed,
            fake_batches,
            conditional: settings.classes.is_some(),
            noise: Matrix::zeros(device, fake_batches * rows, settings.latent_dim)?,
            blocks: LabelBlocks::of(settings),
            labels: device.allocate(labels(settings))?,
            alpha: device.allocate(interpolated(settings))?,
            draws: Matrix::zeros(device, augmented(settings), AUGMENT_DRAWS)?,
            masks: device.allocate(elements(&plan, rows))?,
            mask_table,
            plan,
        })
    }

    /// How many floats and how many integers the inputs hold.
    pub(super) fn numbers(model: &Model, steps: &[Step]) -> [usize; 2] {
        let (settings, plan) = (model.settings(), masks(model, steps));
        let fake_batches = batches_per_iteration(steps, Role::Generator);
        let noise = fake_batches * settings.batch_size * settings.latent_dim;
        let draws = augmented(settings) * AUGMENT_DRAWS;
        let masks = elements(&plan, settings.batch_size);
        let floats = noise + masks + interpolated(settings) + draws;
        [floats, labels(settings) + 2 * plan.iter().flat_map(Mask::parts).count()]
    }

    /// Gathers the next `rows` images of the data set into `images`, with their labels, and samples
    /// the random inputs of the iteration.
    pub(super) fn prepare(
        &mut self,
        device: &D,
        images: Out<'_, D>,
        dataset: &DeviceDataset<D>,
        step: InInts<'_, D>,
        settings: &Settings,
        rows: usize,
    ) {
        let labels = self.conditional.then(|| D::view_mut(&mut self.labels, 0..rows));
        dataset.gather(device, images, labels, step, rows);
        self.sample_noise_and_labels(device, step, settings, rows);
        self.sample_masks(device, step, rows);
        if settings.gp > 0.0 {
            let alpha = D::view_mut(&mut self.alpha, 0..rows / settings.pack);
            let stream = Stream { seed: self.seed, site: site::INTERPOLATION };
            device.uniform_sample(alpha, step, stream);
        }
        if !settings.augment.is_empty() {
            let stream = Stream { seed: self.seed, site: site::AUGMENTATION };
            device.uniform_sample(self.draws.rows_mut(0..4 * rows), step, stream);
        }
    }

    fn sample_noise_and_labels(
        &mut self,
        device: &D,
        step: InInts<'_, D>,
        settings: &Settings,
        rows: usize,
    ) {
        let parts = self.fake_batches;
        let stream = |site| Stream { seed: self.seed, site };
        let (noise, labels) = (stream(site::NOISE), stream(site::LABELS));
        let z = self.noise.rows_mut(0..parts * rows);
        device.noise_sample(z, step, noise, settings.latent, parts);
        let Some(classes) = settings.classes else { return };
        for update in [Role::Discriminator, Role::Generator].into_iter().take(parts) {
            let stream = Stream { site: labels.site + update as u32, ..labels };
            let range = self.label_range(update, rows);
            let to = D::view_mut(&mut self.labels, range);
            device.labels_sample(to, step, stream, classes, 1);
        }
        self.repeat_real_labels(device, rows);
    }

    /// Copies the real images' labels to where further passes read them.
    fn repeat_real_labels(&mut self, device: &D, rows: usize) {
        for block in self.blocks.real_again() {
            let blocks = block + 1;
            let labels = D::view_mut(&mut self.labels, 0..blocks * rows);
            device.labels_repeat(labels, blocks, rows);
        }
    }

    /// Samples consecutive masks of the same probability with one operation, for `images` images.
    fn sample_masks(&mut self, device: &D, step: InInts<'_, D>, images: usize) {
        let (mut first, mut start) = (0, 0);
        let are_alike = |a: &Mask, b: &Mask| (a.probability, a.pack) == (b.probability, b.pack);
        for together in self.plan.chunk_by(are_alike) {
            let parts = together.iter().flat_map(Mask::parts).count();
            let (last, end) = (first + parts, start + elements(together, images));
            let masks = D::view_mut(&mut self.masks, start..end);
            let table = D::view(&self.mask_table, 2 * first..2 * last);
            let Mask { probability, pack, .. } = together[0];
            device.masks_sample(masks, table, step, self.seed, images / pack, probability);
            (first, start) = (last, end);
        }
    }

    /// The index of an update's batch of fakes: the discriminator's comes first.
    fn fake_batch(&self, update: Role) -> usize {
        if self.fake_batches > 1 { update as usize } else { 0 }
    }

    fn noise_rows(&self, update: Role, rows: usize) -> Range<usize> {
        let first = self.fake_batch(update) * rows;
        first..first + rows
    }

    /// Labels of an update's fakes.
    fn label_range(&self, update: Role, rows: usize) -> Range<usize> {
        let first = self.blocks.fakes(update) * rows;
        first..first + rows
    }

    /// The input of the generator's pass for an update.
    pub(super) fn generator_input(&self, update: Role, rows: usize) -> PassInput<'_, D> {
        PassInput {
            x: self.noise.rows(self.noise_rows(update, rows)),
            labels: self.labels(self.label_range(update, rows)),
            masks: Some(self.masks(Role::Generator, update, rows)),
        }
    }

    /// The input of the discriminator's pass on `images` for an update.
    pub(super) fn discriminator_input<'a>(
        &'a self,
        update: Role,
        images: In<'a, D>,
        batches: &Batches,
    ) -> PassInput<'a, D> {
        // The blocks of a pass are adjacent; that of the fakes is batch 1.
        let fakes = self.blocks.fakes(update);
        let at = |batch: usize| (fakes + batch - 1) * batches.rows;
        let labels = at(batches.which.start)..at(batches.which.end);
        let masks = self.masks(Role::Discriminator, update, batches.rows);
        // A pass with real images has masks for them, which a pass through its fakes alone skips.
        let skipped = if masks.rows > batches.rows { batches.range().start } else { 0 };
        let masks = Masks { start: skipped, ..masks };
        PassInput { x: images, labels: self.labels(labels), masks: Some(masks) }
    }

    /// The random numbers of the augmentation of some batches of images for an update.
    pub(super) fn draws(&self, update: Role, batches: Range<usize>, rows: usize) -> In<'_, D> {
        let first = 2 * update as usize;
        self.draws.rows((first + batches.start) * rows..(first + batches.end) * rows)
    }

    /// The weights of real images in the points between them and fakes, for `rows` points.
    pub(super) fn alpha(&self, rows: usize) -> In<'_, D> {
        D::view(&self.alpha, 0..rows)
    }

    fn labels(&self, range: Range<usize>) -> Option<InInts<'_, D>> {
        self.conditional.then(|| D::view(&self.labels, range))
    }

    fn masks(&self, network: Role, update: Role, rows: usize) -> Masks<'_, D> {
        // If both updates share their fakes, they share the generator's masks, too; in a merged pass
        // those of the discriminator.
        let shared = network == Role::Generator && self.fake_batches == 1;
        let is_of = |pass: Pass| {
            pass.network == network && (shared || pass.merged || pass.update == update)
        };
        let index = self.plan.iter().position(|mask| is_of(mask.pass)).unwrap_or(self.plan.len());
        let (batches, pack) =
            self.plan.get(index).map_or((1, 1), |mask| (mask.pass.batches, mask.pack));
        let first = elements(&self.plan[..index], rows * pack);
        Masks { buffer: &self.masks, first, rows: batches * rows, start: 0 }
    }
}

/// The number of labels.
fn labels(settings: &Settings) -> usize {
    settings.classes.map_or(0, |_| LabelBlocks::of(settings).count * settings.batch_size)
}

/// Images that are augmented in an iteration: real ones and fakes for each update.
fn augmented(settings: &Settings) -> usize {
    if settings.augment.is_empty() { 0 } else { 4 * settings.batch_size }
}

/// The largest number of points between real images and fakes.
fn interpolated(settings: &Settings) -> usize {
    if settings.gp > 0.0 { settings.batch_size / settings.pack } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Cpu;
    use crate::device::{self, Memory};
    use crate::gan::iteration::iteration;
    use crate::gan::preset::find;
    use crate::gan::rewrite::Rewrite;
    use crate::nn::Layer;

    /// A model that packs images, with another dropout probability in each layer.
    fn packed(probabilities: [f64; 3]) -> Model {
        let rewrite = Rewrite { pack: Some(2), ..Rewrite::default() };
        let mut settings = find("mlp-dropout").unwrap().rewritten(&rewrite).unwrap();
        let sequences = settings.discriminator.sequences.iter_mut();
        let layers = sequences.flat_map(|sequence| &mut sequence.layers);
        let dropouts = layers.filter(|layer| matches!(layer, Layer::Dropout(_)));
        for (layer, probability) in dropouts.zip(probabilities) {
            *layer = Layer::Dropout(probability);
        }
        Model::new(settings).unwrap()
    }

    #[test]
    fn masks_of_packed_images_have_the_probabilities_of_their_layers() -> device::Result<()> {
        let model = packed([0.25, 0.5, 0.75]);
        let (device, rows) = (Cpu::<f64>::new(1), model.settings().batch_size);
        let mut inputs = BatchInputs::new(&device, &model, &iteration(&model), 3)?;
        let step = device.allocate(1)?;
        inputs.sample_masks(&device, Cpu::<f64>::view(&step, 0..1), rows);
        let mut ends = [0; 2];
        for mask in &inputs.plan {
            let (Mask { pass, probability, .. }, columns) = (*mask, mask.columns());
            let Masks { buffer, first, .. } = inputs.masks(pass.network, pass.update, rows / 2);
            let start = first + ends[pass.update as usize];
            let end = start + columns * (rows / 2);
            let values = device.download(Cpu::<f64>::view(buffer, start..end))?;
            let kept = 1.0 / (1.0 - probability);
            assert!(values.into_iter().all(|x| x == 0.0 || x == kept), "of {probability}");
            ends[pass.update as usize] = end - first;
        }
        Ok(())
    }
}

//! The inputs of an iteration besides images: noise, labels and dropout masks.
//!
//! All of them are sampled before the updates, which read nothing else. Tests replace them by those
//! of golden runs.

mod draws;
mod label_blocks;
mod masks;
mod replaced;

use std::ops::Range;

use super::dataset::DeviceDataset;
use super::iteration::{Pass, Step, batches_per_iteration};
use super::model::Model;
use super::role::Role;
use super::share::Share;
use crate::device::ops::{AUGMENT_DRAWS, DRAW_WORDS, Draw};
use crate::device::{Device, FloatBuffer, In, InInts, Out, Result};
use crate::nn::{Batches, Masks, PassInput};
use draws::{Regions, by_network, draws};
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
    latent_dim: usize,
    blocks: LabelBlocks,
    labels: D::Buffer<u32>,
    regions: Regions,
    /// Noise, weights, numbers of augmentations and masks, as the regions say.
    floats: FloatBuffer<D>,
    /// All that is drawn, as [`Random::batch_prepare`] takes it.
    ///
    /// [`Random::batch_prepare`]: crate::device::ops::Random::batch_prepare
    draws: D::Buffer<u32>,
    /// The masks in the order of their region.
    plan: Vec<Mask>,
}

impl<D: Device> BatchInputs<D> {
    pub(super) fn new(device: &D, model: &Model, steps: &[Step], seed: u64) -> Result<Self> {
        let settings = model.settings();
        let plan = masks(model, steps);
        let fake_batches = batches_per_iteration(steps, Role::Generator);
        let regions = Regions::new(settings, fake_batches, &plan);
        let draws = draws(settings, fake_batches, &regions, &plan);
        let table: Vec<u32> = draws.iter().flat_map(Draw::words).collect();
        let mut in_memory = device.allocate(table.len())?;
        device.upload(D::view_mut(&mut in_memory, 0..table.len()), &table)?;
        Ok(Self {
            seed,
            fake_batches,
            conditional: settings.classes.is_some(),
            latent_dim: settings.latent_dim,
            blocks: LabelBlocks::of(settings),
            labels: device.allocate(regions.labels)?,
            floats: device.allocate(regions.end)?,
            regions,
            draws: in_memory,
            plan,
        })
    }

    /// How many floats and how many integers the inputs hold.
    pub(super) fn numbers(model: &Model, steps: &[Step]) -> [usize; 2] {
        let (settings, plan) = (model.settings(), masks(model, steps));
        let fake_batches = batches_per_iteration(steps, Role::Generator);
        let regions = Regions::new(settings, fake_batches, &plan);
        let draws = draws(settings, fake_batches, &regions, &plan);
        [regions.end, regions.labels + DRAW_WORDS * draws.len()]
    }

    /// Gathers this rank's share of the next images of the data set into `images`, with their labels,
    /// and samples the random inputs of the iteration.
    pub(super) fn prepare(
        &mut self,
        device: &D,
        images: Out<'_, D>,
        dataset: &DeviceDataset<D>,
        step: InInts<'_, D>,
        share: Share,
    ) {
        let Self { floats, labels, draws, regions, .. } = self;
        let floats = D::view_mut(floats, 0..regions.end);
        let draws = D::view(draws, 0..regions.draws * DRAW_WORDS);
        let labels = D::view_mut(labels, 0..regions.labels);
        dataset.gather(device, images, (floats, labels), draws, step, share, self.seed);
    }

    /// The index of an update's batch of fakes: the discriminator's comes first.
    fn fake_batch(&self, update: Role) -> usize {
        if self.fake_batches > 1 { update as usize } else { 0 }
    }

    fn noise_range(&self, update: Role, rows: usize) -> Range<usize> {
        let first = self.fake_batch(update) * rows;
        first * self.latent_dim..(first + rows) * self.latent_dim
    }

    /// Labels of an update's fakes.
    fn label_range(&self, update: Role, rows: usize) -> Range<usize> {
        let first = self.blocks.fakes(update) * rows;
        first..first + rows
    }

    /// The input of the generator's pass for an update.
    pub(super) fn generator_input(&self, update: Role, rows: usize) -> PassInput<'_, D> {
        PassInput {
            x: D::view(&self.floats, self.noise_range(update, rows)),
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
        let at = |batch| self.regions.augmentation + (first + batch) * rows * AUGMENT_DRAWS;
        D::view(&self.floats, at(batches.start)..at(batches.end))
    }

    /// The weights of real images in the points between them and fakes, for `rows` points.
    pub(super) fn alpha(&self, rows: usize) -> In<'_, D> {
        D::view(&self.floats, self.regions.alpha..self.regions.alpha + rows)
    }

    /// The first element of a mask, for `images` images.
    fn first_of_mask(&self, index: usize, images: usize) -> usize {
        let [of_discriminator, of_generator] = by_network(&self.plan);
        let [discriminator, generator] = self.regions.masks;
        match index.checked_sub(of_discriminator.len()) {
            None => discriminator + elements(&of_discriminator[..index], images),
            Some(index) => generator + elements(&of_generator[..index], images),
        }
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
        let first = self.first_of_mask(index, rows * pack);
        Masks { buffer: &self.floats, first, rows: batches * rows, start: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Cpu;
    use crate::device::{self, Memory};
    use crate::gan::dataset::Schedule;
    use crate::gan::iteration::iteration;
    use crate::gan::preset::find;
    use crate::gan::rewrite::Rewrite;
    use crate::nn::{Layer, Matrix};

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
        let (step, pixels) = (device.allocate(1)?, model.settings().image.pixels());
        let schedule = Schedule { images: rows, batch_size: rows, least: 1 };
        let dataset =
            DeviceDataset::new(&device, &vec![0; rows * pixels], &vec![0; rows], schedule)?;
        let mut images = Matrix::zeros(&device, rows, pixels)?;
        let (images, step) = (images.rows_mut(0..rows), Cpu::<f64>::view(&step, 0..1));
        inputs.prepare(&device, images, &dataset, step, Share::whole(rows));
        let mut ends = [0; 2];
        for mask in &inputs.plan {
            let (Mask { pass, probability, .. }, columns) = (*mask, mask.columns());
            let Masks { buffer, first, .. } = inputs.masks(pass.network, pass.update, rows / 2);
            let start = first + ends[pass.update as usize];
            let end = start + columns * (rows / 2);
            let values = device.download(Cpu::<f64>::view(buffer, start..end))?;
            let kept = f64::from((1.0 / (1.0 - probability)) as f32);
            assert!(values.into_iter().all(|x| x == 0.0 || x == kept), "of {probability}");
            ends[pass.update as usize] = end - first;
        }
        Ok(())
    }
}

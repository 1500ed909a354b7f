//! What the passes of an iteration read beside images: noise, labels and dropout masks.
//!
//! All of it is drawn before the updates, which then read nothing else: tests put golden runs'
//! numbers in the same places.

use std::ops::Range;

use super::dataset::DeviceDataset;
use super::iteration::{Pass, Step, batches_through};
use super::model::Model;
use super::role::Role;
use super::settings::Settings;
use crate::device::{Device, FloatBuffer, In, InInts, Out, Result};
use crate::nn::{Batches, Masks, Matrix, PassInput};
use crate::rng::{Stream, site};

/// One iteration's noise, labels and masks, in device memory.
///
/// Noise and labels stand where the update that uses them looks: the discriminator's first, then
/// the generator's. Where both updates share their fakes, the first ones serve both.
pub struct BatchInputs<D: Device> {
    seed: u64,
    /// Times that the generator makes fakes.
    generated: usize,
    conditional: bool,
    noise: Matrix<D>,
    /// Real images' labels, then those of the discriminator's fakes, then of the generator's.
    labels: D::Buffer<u32>,
    masks: FloatBuffer<D>,
    /// Site and columns of each of them, as [`Random::masks_sample`] takes them.
    ///
    /// [`Random::masks_sample`]: crate::device::ops::Random::masks_sample
    mask_table: D::Buffer<u32>,
    /// The masks in their order.
    plan: Vec<Mask>,
}

/// A dropout mask of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Mask {
    pass: Pass,
    probability: f64,
    /// What its random numbers are drawn for.
    site: u32,
    /// Numbers for each row of a batch.
    columns: usize,
}

impl<D: Device> BatchInputs<D> {
    pub(super) fn new(device: &D, model: &Model, steps: &[Step], seed: u64) -> Result<Self> {
        let settings = model.settings();
        let (rows, generated) = (settings.batch_size, batches_through(steps, Role::Generator));
        let plan = masks(model, steps);
        let table: Vec<u32> =
            plan.iter().flat_map(|mask| [mask.site, mask.columns as u32]).collect();
        let mut mask_table = device.allocate(table.len())?;
        device.upload(D::view_mut(&mut mask_table, 0..table.len()), &table)?;
        Ok(Self {
            seed,
            generated,
            conditional: settings.classes.is_some(),
            noise: Matrix::zeros(device, generated * rows, settings.latent_dim)?,
            labels: device.allocate(labels(settings, generated))?,
            masks: device.allocate(rows * columns(&plan))?,
            mask_table,
            plan,
        })
    }

    /// Real numbers, and integers, that all of it has.
    pub(super) fn numbers(model: &Model, steps: &[Step]) -> [usize; 2] {
        let (settings, plan) = (model.settings(), masks(model, steps));
        let generated = batches_through(steps, Role::Generator);
        let row = generated * settings.latent_dim + columns(&plan);
        [settings.batch_size * row, labels(settings, generated) + 2 * plan.len()]
    }

    /// Draws everything for an iteration on the next `rows` images, which go to `images`.
    pub(super) fn draw(
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
        self.draw_fakes(device, step, settings, rows);
        self.draw_masks(device, step, rows);
    }

    fn draw_fakes(&mut self, device: &D, step: InInts<'_, D>, settings: &Settings, rows: usize) {
        let parts = self.generated;
        let stream = |site| Stream { seed: self.seed, site };
        let (noise, labels) = (stream(site::NOISE), stream(site::LABELS));
        let z = self.noise.rows_mut(0..parts * rows);
        device.noise_sample(z, step, noise, settings.latent, parts);
        if let Some(classes) = settings.classes {
            let range = D::view_mut(&mut self.labels, rows..(1 + parts) * rows);
            device.labels_sample(range, step, labels, classes, parts);
        }
    }

    /// Masks of one probability that stand side by side are drawn together.
    fn draw_masks(&mut self, device: &D, step: InInts<'_, D>, rows: usize) {
        let (mut first, mut column) = (0, 0);
        for together in self.plan.chunk_by(|a, b| a.probability == b.probability) {
            let (last, end) = (first + together.len(), column + columns(together));
            let masks = D::view_mut(&mut self.masks, column * rows..end * rows);
            let table = D::view(&self.mask_table, 2 * first..2 * last);
            device.masks_sample(masks, table, step, self.seed, rows, together[0].probability);
            (first, column) = (last, end);
        }
    }

    /// The place of an update's fakes: the discriminator's first.
    fn place(&self, update: Role) -> usize {
        if self.generated > 1 { update as usize } else { 0 }
    }

    fn noise_rows(&self, update: Role, rows: usize) -> Range<usize> {
        let first = self.place(update) * rows;
        first..first + rows
    }

    /// Real labels stand right before the discriminator's, so that they are one batch.
    fn label_range(&self, update: Role, rows: usize) -> Range<usize> {
        let first = (1 + self.place(update)) * rows;
        first..first + rows
    }

    /// What the generator's pass of an update reads.
    pub(super) fn of_generator(&self, update: Role, rows: usize) -> PassInput<'_, D> {
        PassInput {
            x: self.noise.rows(self.noise_rows(update, rows)),
            labels: self.labels(self.label_range(update, rows)),
            masks: Some(self.masks(Role::Generator, update, rows)),
        }
    }

    /// What the discriminator's pass of an update reads, beside images.
    pub(super) fn of_discriminator<'a>(
        &'a self,
        update: Role,
        images: In<'a, D>,
        batches: &Batches,
    ) -> PassInput<'a, D> {
        let labels = match batches.which.len() {
            1 => self.label_range(update, batches.rows),
            _ => batches.range(),
        };
        PassInput {
            x: images,
            labels: self.labels(labels),
            masks: Some(self.masks(Role::Discriminator, update, batches.rows)),
        }
    }

    fn labels(&self, range: Range<usize>) -> Option<InInts<'_, D>> {
        self.conditional.then(|| D::view(&self.labels, range))
    }

    fn masks(&self, network: Role, update: Role, rows: usize) -> Masks<'_, D> {
        Masks { buffer: &self.masks, first: self.first_column(network, update) * rows }
    }

    fn first_column(&self, network: Role, update: Role) -> usize {
        // Where both updates share their fakes, whatever the generator drops is theirs too.
        let shared = network == Role::Generator && self.generated == 1;
        let is_of = |pass: Pass| pass.network == network && (shared || pass.update == update);
        columns(&self.plan[..self.plan.iter().take_while(|mask| !is_of(mask.pass)).count()])
    }

    /// Replaces the real images' labels (none without classes).
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_real_labels(&mut self, device: &D, labels: &[u32]) -> Result<()> {
        device.upload(D::view_mut(&mut self.labels, 0..labels.len()), labels)
    }

    /// Replaces the noise of an update.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_noise(&mut self, device: &D, update: Role, noise: &[D::Real]) -> Result<()> {
        let rows = noise.len() / self.noise.columns();
        let place = self.noise_rows(update, rows);
        device.upload(self.noise.rows_mut(place), noise)
    }

    /// Replaces the labels of an update's fakes (none without classes), for batches of `rows`.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_fake_labels(
        &mut self,
        device: &D,
        update: Role,
        labels: &[u32],
        rows: usize,
    ) -> Result<()> {
        let first = if self.conditional { self.label_range(update, rows).start } else { 0 };
        device.upload(D::view_mut(&mut self.labels, first..first + labels.len()), labels)
    }

    /// The passes that have masks.
    pub fn dropping_passes(&self) -> Vec<Pass> {
        let mut passes: Vec<Pass> = self.plan.iter().map(|mask| mask.pass).collect();
        passes.dedup();
        passes
    }

    /// Replaces some rows of a mask of a pass, the `dropout`th of its masks, for batches of `rows`;
    /// rows as the pass counts them.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_mask(
        &mut self,
        device: &D,
        pass: Pass,
        dropout: usize,
        first_row: usize,
        values: &[D::Real],
        rows: usize,
    ) -> Result<()> {
        let first_of_pass = self.plan.iter().take_while(|mask| mask.pass != pass).count();
        let index = first_of_pass + dropout;
        let before = columns(&self.plan[..index]) * rows;
        let first = before + first_row * (self.plan[index].columns / pass.batches);
        device.upload(D::view_mut(&mut self.masks, first..first + values.len()), values)
    }
}

/// Labels of real images and of each batch of fakes.
fn labels(settings: &Settings, generated: usize) -> usize {
    settings.classes.map_or(0, |_| (1 + generated) * settings.batch_size)
}

/// Numbers in masks for each row of a batch.
fn columns(masks: &[Mask]) -> usize {
    masks.iter().map(|mask| mask.columns).sum()
}

/// The masks of all passes: the discriminator's for its own update, then for the generator's, then
/// the generator's.
fn masks(model: &Model, steps: &[Step]) -> Vec<Mask> {
    let mut passes: Vec<Pass> = steps.iter().filter_map(|step| step.pass()).collect();
    passes.sort_by_key(|pass| [pass.network as usize, pass.update as usize]);
    let of_pass = |pass: Pass| {
        let stages = model.network(pass.network).stages().iter().enumerate();
        stages.filter_map(move |(i, stage)| {
            let first = match pass.network {
                Role::Discriminator => site::DROPOUT,
                Role::Generator => site::GENERATOR_DROPOUT,
            };
            Some(Mask {
                pass,
                probability: stage.dropout()?,
                site: first + 2 * i as u32 + pass.update as u32,
                columns: pass.batches * stage.outputs(),
            })
        })
    };
    passes.into_iter().flat_map(of_pass).collect()
}

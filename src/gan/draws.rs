//! What an iteration consumes: real images, noise, labels and dropout masks.
//!
//! All of it is drawn before the updates, which then read nothing else: tests put recorded draws
//! in the same places.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Update;
use super::settings::{Fakes, Settings};
use crate::Result;
use crate::device::ops::BatchShape;
use crate::device::{Device, In, InInts, Out, Reals};
use crate::nn::{BlockSpec, Masks, Matrix, Network};
use crate::rng::{Stream, site};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A data set in device memory, and the order of its images in the epoch.
pub struct Resident<D: Device> {
    id: u64,
    images: D::Buffer<u8>,
    labels: D::Buffer<u32>,
    order: D::Buffer<u32>,
    schedule: Schedule,
    pixels: usize,
}

/// How a data set is cut into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Images in the data set.
    pub images: usize,
    /// Images in a full batch.
    pub batch_size: usize,
    /// The fewest images that an epoch's last batch may have; a smaller one is dropped.
    pub least: usize,
}

impl Schedule {
    /// Iterations in an epoch.
    pub fn iterations(self) -> usize {
        let rest = self.images % self.batch_size;
        self.images / self.batch_size + usize::from(rest > 0 && rest >= self.least)
    }

    /// Images in the batch that follows `completed` iterations.
    pub fn rows(self, completed: u32) -> usize {
        let start = completed as usize % self.iterations() * self.batch_size;
        self.batch_size.min(self.images - start)
    }

    /// Images of an epoch's order that make no batch, if there are any.
    pub fn dropped(self) -> Option<usize> {
        let used = self.iterations() * self.batch_size;
        (used < self.images).then(|| self.images - used)
    }

    /// Completed epochs after `completed` iterations.
    pub fn epoch(self, completed: u32) -> u32 {
        completed / self.iterations() as u32
    }
}

impl<D: Device> Resident<D> {
    /// Copies a data set (images plane by plane, a label each) to the device.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: &D, images: &[u8], labels: &[u32], schedule: Schedule) -> Result<Self> {
        let count = schedule.images;
        let mut resident = Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            images: device.allocate(images.len())?,
            labels: device.allocate(count)?,
            order: device.allocate(count)?,
            pixels: images.len() / count,
            schedule,
        };
        device.upload(D::view_mut(&mut resident.images, 0..images.len()), images)?;
        device.upload(D::view_mut(&mut resident.labels, 0..count), labels)?;
        Ok(resident)
    }

    /// A number that no other data set of this process has: what was recorded with one is not
    /// replayed with another.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// How the data set is cut into batches.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Puts the images in the order of an epoch (counted from 0).
    ///
    /// # Errors
    /// When the device fails.
    pub fn shuffle(&mut self, device: &D, seed: u64, epoch: u32) -> Result<()> {
        let order = Stream { seed, site: site::ORDER }.permutation(self.schedule.images, epoch);
        device.upload(D::view_mut(&mut self.order, 0..order.len()), &order)
    }
}

/// One iteration's noise, labels and masks, in device memory. Its real images stand before the
/// generator's.
///
/// Noise and labels stand where the update that uses them looks: the discriminator's first, then
/// the generator's. Where both updates share their fakes, the discriminator's serve both.
pub struct Draws<D: Device> {
    seed: u64,
    fresh: bool,
    conditional: bool,
    noise: Matrix<D>,
    /// Real images' labels, then those of the discriminator's fakes, then of the generator's.
    labels: D::Buffer<u32>,
    /// For the discriminator's update, of both halves of its rows, then for the generator's, of one.
    masks: Reals<D>,
    /// Site and columns of each of them, as [`Random::masks_draw`] takes them.
    ///
    /// [`Random::masks_draw`]: crate::device::ops::Random::masks_draw
    mask_table: D::Buffer<u32>,
    /// Numbers of a row that each of the discriminator's blocks may drop.
    dropped: Vec<usize>,
}

impl<D: Device> Draws<D> {
    pub(super) fn new(
        device: &D,
        settings: &Settings,
        discriminator: &Network<D>,
        seed: u64,
    ) -> Result<Self> {
        let batch = settings.batch_size;
        let spec = discriminator.spec();
        let table = mask_table(&spec.blocks);
        let mut on_device = device.allocate(table.len())?;
        device.upload(D::view_mut(&mut on_device, 0..table.len()), &table)?;
        let dropped = |block: &BlockSpec| if block.drops() { block.outputs } else { 0 };
        Ok(Self {
            seed,
            fresh: settings.fakes == Fakes::Fresh,
            conditional: settings.classes.is_some(),
            noise: Matrix::zeros(device, 2 * batch, settings.latent_dim)?,
            labels: device.allocate(3 * batch)?,
            masks: device.allocate(spec.masks(3 * batch))?,
            mask_table: on_device,
            dropped: spec.blocks.iter().map(dropped).collect(),
        })
    }

    /// Draws everything for an iteration on `rows` images, which go to `reals`.
    pub(super) fn draw(
        &mut self,
        device: &D,
        reals: Out<'_, D>,
        images: &Resident<D>,
        step: InInts<'_, D>,
        settings: &Settings,
        rows: usize,
    ) {
        self.gather(device, reals, images, step, rows);
        self.draw_fakes(device, step, settings, rows);
        self.draw_masks(device, step, settings.dropout.unwrap_or(0.0), rows);
    }

    fn gather(
        &mut self,
        device: &D,
        reals: Out<'_, D>,
        images: &Resident<D>,
        step: InInts<'_, D>,
        rows: usize,
    ) {
        let shape = BatchShape {
            rows,
            batch_size: images.schedule.batch_size,
            iterations_per_epoch: images.schedule.iterations(),
            pixels: images.pixels,
        };
        let count = images.schedule.images;
        let order = D::view(&images.order, 0..count);
        let bytes = D::view(&images.images, 0..count * images.pixels);
        let labels = self.conditional.then(|| {
            let to = D::view_mut(&mut self.labels, 0..rows);
            (to, D::view(&images.labels, 0..count))
        });
        device.batch_gather(reals, labels, bytes, order, step, shape);
    }

    fn draw_fakes(&mut self, device: &D, step: InInts<'_, D>, settings: &Settings, rows: usize) {
        let parts = if self.fresh { 2 } else { 1 };
        let stream = |site| Stream { seed: self.seed, site };
        let (noise, labels) = (stream(site::NOISE), stream(site::LABELS));
        let z = self.noise.rows_mut(0..parts * rows);
        device.noise_draw(z, step, noise, settings.latent, parts);
        if let Some(classes) = settings.classes {
            let range = D::view_mut(&mut self.labels, rows..(1 + parts) * rows);
            device.labels_draw(range, step, labels, classes, parts);
        }
    }

    fn draw_masks(&mut self, device: &D, step: InInts<'_, D>, p: f64, rows: usize) {
        let dropping = self.dropped.iter().filter(|&&numbers| numbers > 0).count();
        if dropping > 0 {
            let len = 3 * rows * self.dropped.iter().sum::<usize>();
            let masks = D::view_mut(&mut self.masks, 0..len);
            let table = D::view(&self.mask_table, 0..4 * dropping);
            device.masks_draw(masks, table, step, self.seed, rows, p);
        }
    }

    /// The place of an update's fakes: the discriminator's first.
    fn place(&self, update: Update) -> usize {
        if self.fresh { update as usize } else { 0 }
    }

    fn noise_rows(&self, update: Update, rows: usize) -> Range<usize> {
        let first = self.place(update) * rows;
        first..first + rows
    }

    /// Real labels stand right before the discriminator's, so that they are one batch.
    fn label_range(&self, update: Update, rows: usize) -> Range<usize> {
        let first = (1 + self.place(update)) * rows;
        first..first + rows
    }

    /// The noise of an update.
    pub(super) fn noise(&self, update: Update, rows: usize) -> In<'_, D> {
        self.noise.rows(self.noise_rows(update, rows))
    }

    /// The labels of an update's fakes.
    pub(super) fn fake_labels(&self, update: Update, rows: usize) -> Option<InInts<'_, D>> {
        self.labels(self.label_range(update, rows))
    }

    /// The labels of some rows of the discriminator's input in an update: all of it, or its fakes.
    pub(super) fn judged_labels(
        &self,
        update: Update,
        judged: Range<usize>,
        rows: usize,
    ) -> Option<InInts<'_, D>> {
        match judged.start {
            0 => self.labels(judged),
            _ => self.fake_labels(update, rows),
        }
    }

    fn labels(&self, range: Range<usize>) -> Option<InInts<'_, D>> {
        self.conditional.then(|| D::view(&self.labels, range))
    }

    /// The masks of an update.
    pub(super) fn masks(&self, update: Update, rows: usize) -> Masks<'_, D> {
        let first = match update {
            Update::Discriminator => 0,
            Update::Generator => 2 * rows * self.dropped.iter().sum::<usize>(),
        };
        Masks { buffer: &self.masks, first }
    }

    /// Replaces the real images' labels.
    pub(super) fn write_real_labels(&mut self, device: &D, labels: &[u32]) -> Result<()> {
        device.upload(D::view_mut(&mut self.labels, 0..labels.len()), labels)
    }

    /// Replaces the noise of an update.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_noise(&mut self, device: &D, update: Update, noise: &[D::Real]) -> Result<()> {
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
        update: Update,
        labels: &[u32],
        rows: usize,
    ) -> Result<()> {
        let first = self.label_range(update, rows).start;
        device.upload(D::view_mut(&mut self.labels, first..first + labels.len()), labels)
    }

    /// Replaces some rows of the mask of an update's block, for batches of `rows`; rows as the
    /// discriminator counts them, real images first.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_mask(
        &mut self,
        device: &D,
        update: Update,
        block: usize,
        first_row: usize,
        values: &[D::Real],
        rows: usize,
    ) -> Result<()> {
        let (masked, begin) = match update {
            Update::Discriminator => (2 * rows, 0),
            Update::Generator => (rows, rows),
        };
        let before = masked * self.dropped[..block].iter().sum::<usize>();
        let within = (first_row - begin) * self.dropped[block];
        let first = self.masks(update, rows).first + before + within;
        device.upload(D::view_mut(&mut self.masks, first..first + values.len()), values)
    }
}

/// Site and columns of each mask of an iteration: those of the discriminator's update have two rows
/// for each of a batch, so twice the columns.
fn mask_table(blocks: &[BlockSpec]) -> Vec<u32> {
    let layers = || blocks.iter().zip((site::DROPOUT..).step_by(2)).filter(|(b, _)| b.drops());
    let of = |update: Update, columns| {
        layers()
            .flat_map(move |(block, site)| [site + update as u32, columns * block.outputs as u32])
    };
    of(Update::Discriminator, 2).chain(of(Update::Generator, 1)).collect()
}

//! A data set in device memory, and how it is cut into batches.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::device::ops::BatchShape;
use crate::device::{Device, InInts, Out, OutInts, Result};
use crate::rng::{Stream, site};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A data set in device memory, and the order of its images in the epoch.
pub struct DeviceDataset<D: Device> {
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

/// How far a run is, for people: all numbers are of completed work, epochs count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Completed iterations, and how many there will be.
    pub iteration: (u32, u32),
    /// The epoch, and how many there will be.
    pub epoch: (u32, u32),
    /// Completed batches of the epoch, and how many there are.
    pub batch: (u32, u32),
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

    /// How far a run of `total` iterations is after `completed` ones.
    pub fn progress(self, completed: u32, total: u32) -> Progress {
        let per_epoch = self.iterations() as u32;
        let before = completed.saturating_sub(1);
        Progress {
            iteration: (completed, total),
            epoch: (before / per_epoch + 1, total.div_ceil(per_epoch)),
            batch: (before % per_epoch + 1, per_epoch),
        }
    }
}

impl<D: Device> DeviceDataset<D> {
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

    /// Puts the next `rows` images into a batch: from −1 to 1, and their labels where they are asked
    /// for.
    pub(super) fn gather(
        &self,
        device: &D,
        images: Out<'_, D>,
        labels: Option<OutInts<'_, D>>,
        step: InInts<'_, D>,
        rows: usize,
    ) {
        let (count, pixels) = (self.schedule.images, self.pixels);
        let shape = BatchShape {
            rows,
            batch_size: self.schedule.batch_size,
            iterations_per_epoch: self.schedule.iterations(),
            pixels,
        };
        let order = D::view(&self.order, 0..count);
        let bytes = D::view(&self.images, 0..count * pixels);
        let labels = labels.map(|to| (to, D::view(&self.labels, 0..count)));
        device.batch_gather(images, labels, bytes, order, step, shape);
    }
}

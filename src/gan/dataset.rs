//! A data set in device memory, and how it is divided into batches.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::share::Share;
use crate::device::ops::BatchShape;
use crate::device::{Device, InInts, Out, OutInts, Result};
use crate::rng::{Stream, site};

static NEXT_ID: AtomicU64 = AtomicU64::new(0);

/// A data set in device memory, with the order of its images in the current epoch.
pub struct DeviceDataset<D: Device> {
    id: u64,
    images: Arc<DeviceImages<D>>,
    order: D::Buffer<u32>,
    schedule: Schedule,
}

/// Images and labels in device memory, which several GANs on the device can share.
pub struct DeviceImages<D: Device> {
    images: D::Buffer<u8>,
    labels: D::Buffer<u32>,
    count: usize,
    pixels: usize,
}

impl<D: Device> DeviceImages<D> {
    /// Copies a data set (images channels first, a label for each) to the device.
    ///
    /// # Errors
    /// When the device does not have enough memory.
    #[inline(never)]
    pub fn new(device: &D, images: &[u8], labels: &[u32]) -> Result<Self> {
        let count = labels.len();
        let mut copy = Self {
            images: device.allocate(images.len())?,
            labels: device.allocate(count)?,
            count,
            pixels: images.len() / count.max(1),
        };
        device.upload(D::view_mut(&mut copy.images, 0..images.len()), images)?;
        device.upload(D::view_mut(&mut copy.labels, 0..count), labels)?;
        Ok(copy)
    }
}

/// How a data set is divided into batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Schedule {
    /// Images in the data set.
    pub images: usize,
    /// Images in a full batch.
    pub batch_size: usize,
    /// The smallest last batch of an epoch that is kept; a smaller one is dropped.
    pub least: usize,
}

/// The progress of a run, for display: completed work and totals. Epochs count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Completed iterations, and their total.
    pub iteration: (u32, u32),
    /// The current epoch, and the total.
    pub epoch: (u32, u32),
    /// Completed batches of the epoch, and the number of batches in it.
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

    /// Images at the end of each epoch that are dropped because they make no batch, if any.
    pub fn dropped(self) -> Option<usize> {
        let used = self.iterations() * self.batch_size;
        (used < self.images).then(|| self.images - used)
    }

    /// Completed epochs after `completed` iterations.
    pub fn epoch(self, completed: u32) -> u32 {
        completed / self.iterations() as u32
    }

    /// The progress of a run of `total` iterations after `completed` ones.
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
    /// Copies a data set (images channels first, a label for each) to the device.
    ///
    /// # Errors
    /// When the device does not have enough memory.
    #[inline(never)]
    pub fn new(device: &D, images: &[u8], labels: &[u32], schedule: Schedule) -> Result<Self> {
        Self::of(device, Arc::new(DeviceImages::new(device, images, labels)?), schedule)
    }

    /// A data set of images that are in device memory already.
    ///
    /// # Errors
    /// When the device does not have enough memory.
    #[inline(never)]
    pub fn of(device: &D, images: Arc<DeviceImages<D>>, schedule: Schedule) -> Result<Self> {
        assert_eq!(images.count, schedule.images, "the schedule of another data set");
        Ok(Self {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            order: device.allocate(images.count)?,
            images,
            schedule,
        })
    }

    /// An ID that is unique in this process: a graph captured with one data set is not launched
    /// with another.
    pub(super) fn id(&self) -> u64 {
        self.id
    }

    /// How the data set is divided into batches.
    pub fn schedule(&self) -> Schedule {
        self.schedule
    }

    /// Shuffles the images for an epoch (counted from 0).
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn shuffle(&mut self, device: &D, seed: u64, epoch: u32) -> Result<()> {
        let order = Stream { seed, site: site::ORDER }.permutation(self.schedule.images, epoch);
        device.upload(D::view_mut(&mut self.order, 0..order.len()), &order)
    }

    /// Gathers this rank's share of the next images into a batch, scaled to [−1, 1], and draws the
    /// iteration's other inputs, perhaps with their labels.
    #[allow(clippy::too_many_arguments)]
    pub(super) fn gather(
        &self,
        device: &D,
        images: Out<'_, D>,
        (floats, integers): (Out<'_, D>, OutInts<'_, D>),
        draws: InInts<'_, D>,
        step: InInts<'_, D>,
        share: Share,
        seed: u64,
    ) {
        let DeviceImages { images: bytes, labels: all, count, pixels } = &*self.images;
        let (count, pixels) = (*count, *pixels);
        let Share { rows, first, whole } = share;
        let shape = BatchShape {
            rows,
            first,
            whole,
            batch_size: self.schedule.batch_size,
            iterations_per_epoch: self.schedule.iterations(),
            pixels,
        };
        let order = D::view(&self.order, 0..count);
        let bytes = D::view(bytes, 0..count * pixels);
        let labels = D::view(all, 0..count);
        device.batch_prepare(
            images, floats, integers, bytes, labels, order, draws, step, shape, seed,
        );
    }
}

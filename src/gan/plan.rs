//! The memory that a training run takes on its device, known before any of it is allocated.

use tracing::debug;

use super::batch::BatchInputs;
use super::iteration::{batches_at_once, iteration};
use super::model::Model;
use super::player::Player;
use super::role::Role;
use crate::device::ops::{RING_COLUMNS, RING_ROWS};
use crate::device::{Device, Result};
use crate::memory::{self, OutOfMemory};
use crate::nn::adam::STEP_WORDS;
use crate::nn::{Activations, Network, Param};
use crate::text::bytes;

/// What the CPU takes besides, for packed operands.
const RESERVE_ON_HOST: usize = 64 << 20;
/// What a GPU takes besides: for code of cuBLAS, which is loaded when a product is first asked for
/// (tens of MB for each kind of product), for graphs, for padding and the rounding up of allocations
/// (to 2 MB).
const RESERVE_ON_GPU: usize = 256 << 20;

/// Copies of all weights that have room in the host's memory while a checkpoint is written, or read.
/// One tensor is there at a time: as the device stores it, and again in PyTorch's layout where that is
/// another. Of two copies at the most, less is measured, as no tensor is all weights.
const COPIES: usize = 2;

/// What the program itself takes of the machine's memory on Linux, as measured: code, libraries,
/// threads, packed operands of small products.
const PROGRAM: usize = 20 << 20;

/// What a device of kind `D` takes besides.
pub(super) const fn reserve<D: Device>() -> usize {
    if D::ON_HOST { RESERVE_ON_HOST } else { RESERVE_ON_GPU }
}

/// Bytes that a run allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Weights, gradients, Adam's moments, running statistics.
    pub networks: usize,
    /// Activations and their gradients, noise, masks: what grows with the batch.
    pub batch: usize,
    /// The data set.
    pub images: usize,
    /// In the machine's memory, while a checkpoint is written.
    pub checkpoint: usize,
    /// The largest tensor of a checkpoint, which passes through the machine's memory by itself.
    pub tensor: usize,
}

impl Plan {
    /// Bytes on a device of kind `D` for a model that learns from `images` images.
    pub fn new<D: Device>(model: &Model, images: usize) -> Self {
        let (real, int) = (size_of::<D::Real>(), size_of::<u32>());
        let (settings, steps) = (model.settings(), iteration(model));
        let (generator, discriminator) = (model.generator(), model.discriminator());
        let (rows, pixels) = (settings.batch_size, settings.image.pixels());
        let players = Player::<D>::numbers(generator) + Player::<D>::numbers(discriminator);
        let at_once = |role| batches_at_once(&steps, role);
        let activations = Activations::<D>::elements(generator, rows, at_once(Role::Generator))
            + Activations::<D>::elements(discriminator, rows, at_once(Role::Discriminator));
        let [inputs, labels_and_table] = BatchInputs::<D>::numbers(model, &steps);
        // Of the batch: images, and what the discriminator puts out for each.
        let both = 2 * rows * (pixels + 1);
        let tensors = [generator, discriminator].map(|spec| Network::<D>::tensors(spec));
        let largest = tensors.iter().flatten().map(Param::count).max();
        Self {
            networks: real * (players + RING_ROWS * RING_COLUMNS) + int * (1 + 2 * STEP_WORDS),
            batch: real * (inputs + activations + both) + int * labels_and_table,
            images: images * (pixels + 2 * int),
            checkpoint: COPIES
                * size_of::<f32>()
                * (generator.parameters() + discriminator.parameters()),
            tensor: size_of::<f32>() * largest.unwrap_or(0),
        }
    }

    /// The most bytes of the machine's memory that a run on it takes at once. While it begins, the
    /// images are there twice, and of a run that goes on a tensor at a time; later only that.
    pub fn peak(&self, goes_on: bool) -> usize {
        let beginning = self.images + if goes_on { self.tensor } else { 0 };
        self.total() + beginning.max(self.tensor) + PROGRAM
    }

    /// What a run takes of its device of kind `D`, in words.
    pub fn in_words<D: Device>(&self, goes_on: bool) -> String {
        match D::ON_HOST {
            true => format!("about {}: {self}", bytes(self.peak(goes_on))),
            false => format!("{}: {self}", bytes(self.total())),
        }
    }

    /// All bytes on the device.
    pub fn total(&self) -> usize {
        self.networks + self.batch + self.images
    }

    /// The plan, if the device has room for it, and the machine for checkpoints.
    ///
    /// # Errors
    /// [`OutOfMemory`] with the largest batch that fits.
    pub fn fitting<D: Device>(device: &D, model: &Model, images: usize) -> Result<Self> {
        let plan = Self::new::<D>(model, images);
        if !D::ON_HOST {
            memory::require(
                plan.checkpoint,
                "ask for smaller layers: a checkpoint passes through it",
            )?;
        }
        let free = device.free_memory().unwrap_or(usize::MAX);
        let asked = plan.room::<D>();
        debug!(%plan, asked, free, checkpoint = plan.checkpoint, "memory");
        if asked <= free {
            return Ok(plan);
        }
        let remedy = match largest_batch::<D>(model, images, free) {
            None => "not even the smallest batch fits; ask for smaller layers or images".to_owned(),
            Some(largest) => format!("the largest batch that fits has {largest}"),
        };
        Err(OutOfMemory { device: device.describe(), asked, free, remedy }.into())
    }

    /// Bytes that must be free on a device of kind `D`.
    fn room<D: Device>(&self) -> usize {
        self.total() + reserve::<D>() + if D::ON_HOST { self.checkpoint } else { 0 }
    }
}

/// The largest batch that fits into `free` bytes, if any does.
fn largest_batch<D: Device>(model: &Model, images: usize, free: usize) -> Option<usize> {
    // What is needed is a sum of two parts, one the same for all batches, one for each image.
    let room = |rows| Plan::new::<D>(&model.with_batch_size(rows), images).room::<D>();
    let largest = free.checked_sub(room(0))? / (room(1) - room(0));
    // BatchNorm has no variance of one image.
    let least = if model.normalizes() { 2 } else { 1 };
    (largest >= least).then_some(largest)
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [networks, batch, images] = [self.networks, self.batch, self.images].map(bytes);
        write!(f, "networks {networks}, a batch {batch}, images {images}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Cpu;
    use crate::gan::preset::presets;

    #[test]
    fn the_largest_batch_fits_and_one_more_does_not() {
        for preset in presets() {
            let model = preset.model().unwrap();
            let room = |rows| {
                let model = model.with_batch_size(rows);
                Plan::new::<Cpu<f32>>(&model, 1000).room::<Cpu<f32>>()
            };
            let largest = |free| largest_batch::<Cpu<f32>>(&model, 1000, free);
            for batch in [2, 3, 1000, 999_999] {
                for free in [room(batch), (room(batch) + room(batch + 1)) / 2, room(batch + 1) - 1]
                {
                    assert_eq!(largest(free), Some(batch), "{}", preset.name);
                }
            }
            assert_eq!(largest(room(1) - 1), None, "{}", preset.name);
            assert_eq!(largest(0), None, "{}", preset.name);
            assert_eq!(largest(room(1)).is_none(), model.normalizes(), "{}", preset.name);
        }
    }
}

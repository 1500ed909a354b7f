//! The memory that a training run takes on its device, known before any of it is allocated.

use indicatif::HumanBytes;

use super::architecture;
use super::preset::Preset;
use super::settings::Settings;
use crate::device::Device;
use crate::device::ops::{RING_COLUMNS, RING_ROWS};
use crate::nn::NetworkSpec;
use crate::{Error, Result};

/// What the driver takes besides: kernels, recorded graphs, the rounding up of allocations.
const DRIVER: usize = 64 << 20;

/// Bytes that a run allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Weights, gradients, Adam's moments, running statistics.
    pub networks: usize,
    /// Activations and their gradients, noise, masks: what grows with the batch.
    pub batch: usize,
    /// The data set.
    pub images: usize,
}

impl Plan {
    /// Bytes on a device of kind `D` for a set-up that learns from `images` images.
    pub fn new<D: Device>(preset: &Preset, settings: &Settings, images: usize) -> Self {
        let real = size_of::<D::Real>();
        let int = size_of::<u32>();
        let generator = architecture::generator(preset, settings).network;
        let discriminator = architecture::discriminator(preset, settings).network;
        let (batch, pixels) = (settings.batch_size, settings.image.pixels());
        let learnt = |network: &NetworkSpec| 4 * network.parameters() + network.statistics();
        let draws = batch * pixels + 2 * batch * settings.latent_dim;
        let activations = generator.activations(batch) + discriminator.activations(2 * batch);
        let masks = 2 * discriminator.masks(2 * batch);
        let ring = RING_ROWS * RING_COLUMNS;
        Self {
            networks: real * (learnt(&generator) + learnt(&discriminator) + ring) + int,
            batch: real * (draws + activations + masks) + 3 * int * batch,
            images: images * (pixels + 2 * int),
        }
    }

    /// All bytes.
    pub fn total(&self) -> usize {
        self.networks + self.batch + self.images
    }

    /// The plan, if the device has room for it.
    ///
    /// # Errors
    /// [`Error::OutOfMemory`] with the largest batch that fits.
    pub fn fitting<D: Device>(
        device: &D,
        preset: &Preset,
        settings: &Settings,
        images: usize,
    ) -> Result<Self> {
        let plan = |batch_size| {
            Self::new::<D>(preset, &Settings { batch_size, ..settings.clone() }, images)
        };
        let wanted = plan(settings.batch_size);
        let Some(free) = device.free_memory() else { return Ok(wanted) };
        let fits = |plan: Plan| plan.total() + DRIVER <= free;
        if fits(wanted) {
            return Ok(wanted);
        }
        let sizes: Vec<usize> = (1..settings.batch_size).collect();
        let remedy = match sizes.partition_point(|&batch_size| fits(plan(batch_size))) {
            0 => "not even a batch of one fits; ask for smaller layers or images".to_owned(),
            largest => format!("the largest --batch-size that fits is {largest}"),
        };
        Err(Error::OutOfMemory { device: device.describe(), asked: wanted.total(), free, remedy })
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let [total, networks, batch, images] =
            [self.total(), self.networks, self.batch, self.images].map(|n| HumanBytes(n as u64));
        write!(f, "{total}: networks {networks}, a batch {batch}, images {images}")
    }
}

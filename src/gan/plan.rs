//! The memory plan of a training run: computed before anything is allocated.

use std::cmp::Reverse;

use tracing::debug;

use super::batch::BatchInputs;
use super::dataset::Schedule;
use super::iteration::{
    iteration, max_batches_of_gradients, max_batches_of_images, max_batches_per_pass,
};
use super::model::Model;
use super::role::Role;
use super::trained_network::TrainedNetwork;
use crate::device::ops::{RING_COLUMNS, RING_ROWS};
use crate::device::{Device, Result};
use crate::memory::{self, OutOfMemory};
use crate::nn::adam::STEP_WORDS;
use crate::nn::{Activations, Network, Param, Tangents};
use crate::text::bytes;

/// Additional memory on the CPU, for packed operands.
const RESERVE_ON_HOST: usize = 64 << 20;
/// Additional memory on a GPU: code of cuBLAS, which is loaded at the first GEMM of each kind (tens
/// of MB each), graphs, padding, and allocations that are rounded up (to 2 MB).
const RESERVE_ON_GPU: usize = 256 << 20;

/// Memory of each further stream on a GPU: the workspaces of its two cuBLAS handles, and padding.
const STREAM_ON_GPU: usize = 72 << 20;

/// Copies of all weights for which host memory is required while a checkpoint is written or read.
/// Only one tensor is in memory at a time: in the device's layout, and again in PyTorch's layout if
/// that is different. Two copies are an upper bound; measured values are lower.
const COPIES: usize = 2;

/// Host memory of the program itself, measured on Linux: code, libraries, threads, packed operands
/// of small matrix multiplications.
const PROGRAM: usize = 20 << 20;

/// Memory on a device of kind `D` besides the planned allocations.
pub(super) const fn reserve<D: Device>() -> usize {
    if D::ON_HOST { RESERVE_ON_HOST } else { RESERVE_ON_GPU }
}

/// Bytes that a run allocates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Weights, gradients, Adam's moments, running statistics.
    pub networks: usize,
    /// Everything that grows with the batch size: activations and their gradients, noise, masks.
    pub batch: usize,
    /// The data set.
    pub images: usize,
    /// Host memory that is required while a checkpoint is written.
    pub checkpoint: usize,
    /// The largest tensor of a checkpoint; tensors pass through host memory one at a time.
    pub tensor: usize,
}

impl Plan {
    /// The memory plan on a device of kind `D` for a model trained on `images` images.
    pub fn new<D: Device>(model: &Model, images: usize) -> Self {
        let (real, int) = (size_of::<D::Real>(), size_of::<u32>());
        let (generator, discriminator) = (model.generator(), model.discriminator());
        let [floats, labels_and_table] = batch_numbers::<D>(model);
        let tensors = [generator, discriminator].map(|spec| Network::<D>::tensors(spec));
        let largest = tensors.iter().flatten().map(Param::count).max();
        Self {
            networks: real * (network_numbers::<D>(model) + RING_ROWS * RING_COLUMNS)
                + int * (1 + 2 * STEP_WORDS),
            batch: real * floats + int * labels_and_table,
            images: images * (model.settings().image.pixels() + 2 * int),
            checkpoint: COPIES
                * size_of::<f32>()
                * (generator.parameters() + discriminator.parameters()),
            tensor: size_of::<f32>() * largest.unwrap_or(0),
        }
    }

    /// Peak host memory of a run on the CPU, in bytes. At the start, the images are in memory
    /// twice, and a resumed run reads its checkpoint tensor by tensor; later, only a tensor comes
    /// on top.
    pub fn peak(&self, resumed: bool) -> usize {
        let start = self.images + if resumed { self.tensor } else { 0 };
        self.total() + start.max(self.tensor) + PROGRAM
    }

    /// The memory that a run takes on a device of kind `D`, as text.
    pub fn describe<D: Device>(&self, resumed: bool) -> String {
        match D::ON_HOST {
            true => format!("about {}: {self}", bytes(self.peak(resumed))),
            false => format!("{}: {self}", bytes(self.total())),
        }
    }

    /// All bytes on the device.
    pub fn total(&self) -> usize {
        self.networks + self.batch + self.images
    }

    /// The plan, if it fits into the device's free memory, and checkpoints into the host's; with several
    /// ranks, for this rank's share of a batch.
    ///
    /// # Errors
    /// [`OutOfMemory`] with the largest batch that fits.
    #[inline(never)]
    pub fn fitting<D: Device>(device: &D, model: &Model, images: usize) -> Result<Self> {
        let ranks = device.ranks();
        let plan = Self::new::<D>(&model.of_rank(ranks), images);
        if !D::ON_HOST {
            memory::require(
                plan.checkpoint,
                "ask for smaller layers: a checkpoint passes through it",
            )?;
        }
        let free = device.free_memory().unwrap_or(usize::MAX);
        let asked = plan.required::<D>();
        debug!(%plan, asked, free, checkpoint = plan.checkpoint, "memory");
        if asked <= free {
            return Ok(plan);
        }
        let remedy = match largest_batch::<D>(model, images, free) {
            None => "not even the smallest batch fits; ask for smaller layers or images".to_owned(),
            Some(largest) => {
                format!("the largest batch that fits has {}", ranks.size * largest)
            }
        };
        Err(OutOfMemory { device: device.describe(), asked, free, remedy }.into())
    }

    /// How many GANs of these models can be trained at the same time on a device that has `resident`
    /// bytes of images in memory for all of them. The schedules have the number of images of each.
    ///
    /// # Errors
    /// [`OutOfMemory`] if not even each of them fits alone.
    #[inline(never)]
    pub fn at_once<D: Device>(
        device: &D,
        sizes: &[(Model, Schedule)],
        resident: usize,
    ) -> Result<usize> {
        for (model, schedule) in sizes {
            Self::fitting(device, model, schedule.images)?;
        }
        let models = sizes.iter().map(|(model, _)| model);
        let fitting = fitting::<D>(models, device.free_memory().unwrap_or(usize::MAX), resident);
        // Each fits alone.
        Ok(fitting.max(1))
    }

    /// Bytes that must be free on a device of kind `D`.
    fn required<D: Device>(&self) -> usize {
        self.total() + reserve::<D>() + if D::ON_HOST { self.checkpoint } else { 0 }
    }
}

/// How many of these models, whichever come together, fit into `free` bytes with `resident` bytes of
/// images.
fn fitting<'a, D: Device>(
    models: impl Iterator<Item = &'a Model>,
    free: usize,
    resident: usize,
) -> usize {
    let (shared, own) =
        if D::ON_HOST { (0, RESERVE_ON_HOST) } else { (RESERVE_ON_GPU, STREAM_ON_GPU) };
    let need = |model| Plan::new::<D>(model, 0).required::<D>() - reserve::<D>() + own;
    let mut needs: Vec<_> = models.map(need).collect();
    needs.sort_unstable_by_key(|&need| Reverse(need));
    let mut taken = resident + shared;
    let fitting = needs.iter().take_while(|&&need| {
        taken = taken.saturating_add(need);
        taken <= free
    });
    fitting.count()
}

/// Floats of both networks, their gradients, moments and averages.
fn network_numbers<D: Device>(model: &Model) -> usize {
    let (generator, discriminator) = (model.generator(), model.discriminator());
    let average = match model.settings().ema {
        Some(_) => generator.parameters() + generator.statistics(),
        None => 0,
    };
    TrainedNetwork::<D>::numbers(generator) + TrainedNetwork::<D>::numbers(discriminator) + average
}

/// Floats and integers of a batch: inputs, activations, tangents, images and outputs.
fn batch_numbers<D: Device>(model: &Model) -> [usize; 2] {
    let (settings, steps) = (model.settings(), iteration(model));
    let batches =
        |role| [max_batches_per_pass(&steps, role), max_batches_of_gradients(&steps, role)];
    let (images, packs) = (settings.batch_size, settings.batch_size / settings.pack);
    let activations =
        |role, rows| Activations::<D>::elements(model.network(role), rows, batches(role));
    let [inputs, labels_and_table] = BatchInputs::<D>::numbers(model, &steps);
    // The discriminator's images, and its output for each.
    let seen = max_batches_of_images(&steps) * images;
    let augmented = if settings.augment.is_empty() { 0 } else { seen + images };
    let outputs = max_batches_per_pass(&steps, Role::Discriminator) * packs;
    let images_and_outputs = (seen + augmented) * settings.image.pixels() + outputs;
    let tangents = match settings.is_penalized() {
        true => Tangents::<D>::elements(model.discriminator(), seen / settings.pack),
        false => 0,
    };
    let activations =
        activations(Role::Generator, images) + activations(Role::Discriminator, packs);
    [inputs + activations + tangents + images_and_outputs, labels_and_table]
}

/// The largest batch that fits into `free` bytes, if any does.
fn largest_batch<D: Device>(model: &Model, images: usize, free: usize) -> Option<usize> {
    // The memory is linear in the number of packs.
    let pack = model.settings().pack;
    let required =
        |packs: usize| Plan::new::<D>(&model.with_batch_size(packs * pack), images).required::<D>();
    let largest = pack * (free.checked_sub(required(0))? / (required(1) - required(0)));
    (largest >= model.least_batch()).then_some(largest)
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
    use crate::gan::preset::{find, presets};
    use crate::gan::rewrite::Rewrite;

    #[test]
    fn as_many_models_fit_at_once_as_the_largest_ones_do() {
        let models = ["mlp", "dcgan", "cgan"].map(|name| find(name).unwrap().model().unwrap());
        let need = |model| Plan::new::<Cpu<f32>>(model, 0).required::<Cpu<f32>>();
        let mut needs = models.each_ref().map(need);
        needs.sort_unstable();
        let fitting = |free| fitting::<Cpu<f32>>(models.iter(), free, 1000);
        let [small, middle, large] = needs;
        assert_eq!(fitting(large + 999), 0);
        assert_eq!(fitting(large + middle + 999), 1);
        assert_eq!(fitting(large + middle + 1000), 2);
        assert_eq!(fitting(small + middle + large + 1000), 3);
    }

    #[test]
    fn the_largest_batch_fits_and_one_more_does_not() {
        let mut packed = find("mlp").unwrap().gan.clone();
        Rewrite { pack: Some(2), ..Rewrite::default() }.apply("mlp", &mut packed).unwrap();
        let packed = Model::new(packed).unwrap();
        let free = Plan::new::<Cpu<f32>>(&packed.with_batch_size(12), 1000).required::<Cpu<f32>>();
        assert_eq!(largest_batch::<Cpu<f32>>(&packed, 1000, free), Some(12));
        assert_eq!(largest_batch::<Cpu<f32>>(&packed, 1000, free - 1), Some(10));
        for preset in presets() {
            let model = preset.model().unwrap();
            let required = |rows| {
                let model = model.with_batch_size(rows);
                Plan::new::<Cpu<f32>>(&model, 1000).required::<Cpu<f32>>()
            };
            let largest = |free| largest_batch::<Cpu<f32>>(&model, 1000, free);
            for batch in [2, 3, 1000, 999_999] {
                let (fits, too_little) = (required(batch), required(batch + 1) - 1);
                for free in [fits, (fits + too_little) / 2, too_little] {
                    assert_eq!(largest(free), Some(batch), "{}", preset.name);
                }
            }
            assert_eq!(largest(required(1) - 1), None, "{}", preset.name);
            assert_eq!(largest(0), None, "{}", preset.name);
            assert_eq!(largest(required(1)).is_none(), model.normalizes(), "{}", preset.name);
        }
    }
}

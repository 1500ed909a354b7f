//! Generative adversarial networks: two networks, their losses and the order of their updates.
//!
//! | module | holds |
//! |---|---|
//! | [`preset`] | the presets, `presets/*.toml` |
//! | [`settings`] | a GAN's TOML file: hyperparameters, and both networks as lists of layers |
//! | [`rewrite`] | changes of these lists by flags such as `--g-hidden` |
//! | [`model`] | a GAN whose layers fit each other |
//! | [`mod@iteration`] | a training iteration as a list of steps |
//! | [`dataset`], [`batch`] | the data set in device memory; the inputs of an iteration |
//! | [`trained_network`] | a network with its activations, gradients and optimizer |
//! | [`plan`], [`work`] | the memory plan of a run; minimum FLOP and memory traffic of an iteration |
//! | [`sampler`] | generates images during training and from a checkpoint |
//! | [`sample_grid`], [`interpolation`], [`interval`] | the layout of sample grids, noise between two points, and how often something is done |
//! | [`metrics`] | losses and mean outputs of an iteration |
//! | [`Gan`] | a GAN in training; its file `steps` runs the steps, `progress` counts them |

mod augmented_images;
pub mod batch;
pub mod dataset;
pub mod interpolation;
pub mod interval;
pub mod iteration;
pub mod metrics;
pub mod model;
pub mod plan;
pub mod preset;
mod progress;
pub mod rewrite;
mod role;
pub mod sample_grid;
pub mod sampler;
pub mod settings;
mod share;
mod steps;
pub mod trained_network;
pub mod work;

use std::collections::{BTreeMap, BTreeSet};

use crate::device::ops::{RING_COLUMNS, RING_ROWS};
use crate::device::{Device, FloatBuffer, Ranks, Result};
use crate::nn::{Matrix, Mode, Network, Tangents};
use augmented_images::AugmentedImages;
use batch::BatchInputs;
use dataset::DeviceDataset;
use iteration::{
    Parts, Step, iteration_of, iteration_of_ranks, max_batches_of_images, max_batches_per_pass,
};
pub use metrics::Metrics;
pub use model::Model;
pub use role::Role;
use sampler::{Generator, sample_noise};
use settings::Settings;
use share::Share;
use trained_network::TrainedNetwork;

/// The weights of a generator that generates samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// Their moving average, if there is one.
    Averaged,
    /// Those that are trained.
    Raw,
}

/// A generator and a discriminator in training.
pub struct Gan<D: Device> {
    /// An iteration as a captured graph, for each data set, batch size and combination of parts. Dropped
    /// first: what graphs use must not be gone before them.
    graphs: BTreeMap<(u64, usize, Parts), D::Graph>,
    device: D,
    model: Model,
    /// Images for which there is memory: the largest share of a batch that a rank has.
    capacity: usize,
    /// This rank's share of the current batch.
    share: Share,
    /// The steps of an iteration, for each combination of its parts that occurs.
    steps: BTreeMap<Parts, Vec<Step>>,
    generator: TrainedNetwork<D>,
    /// The moving average of the generator.
    average: Option<Network<D>>,
    discriminator: TrainedNetwork<D>,
    /// What gradient penalties need in addition.
    tangents: Option<Tangents<D>>,
    inputs: BatchInputs<D>,
    /// Real images, followed by as many fakes and points between them, so that the discriminator reads
    /// them as one batch without a copy.
    images: Matrix<D>,
    /// The same images augmented, if the discriminator sees those.
    augmented: Option<AugmentedImages<D>>,
    /// The discriminator's output for each of them.
    outputs: Matrix<D>,
    ring: FloatBuffer<D>,
    step: D::Buffer<u32>,
    completed: u32,
    /// Iterations completed before training with these steps, and how many batches generator and
    /// discriminator had processed by then.
    before: (u32, [u64; 2]),
    /// The number of iterations after which the learning rate has fallen to zero.
    total: u32,
    /// The iteration from which the optimizer steps of discriminator and generator count; not 0 if the
    /// run had another number of them per iteration before.
    first_iterations: [i64; 2],
}

impl<D: Device> Gan<D> {
    /// Initializes the weights and allocates memory for batches of `batch_size`, of which each of the
    /// device's [ranks](crate::device::ops::Collective::ranks) has its share.
    ///
    /// # Errors
    /// When the device has not enough memory.
    #[inline(never)]
    pub fn new(device: D, model: Model, seed: u64) -> Result<Self> {
        let (ranks, own) = (device.ranks(), model.of_rank(device.ranks()));
        let (settings, capacity) = (own.settings(), own.settings().batch_size);
        let steps = steps_of_parts(&model, ranks);
        let all = &steps[&Parts::after(0, settings)];
        let rows = max_batches_of_images(all) * capacity;
        let outputs = max_batches_per_pass(all, Role::Discriminator) * capacity;
        let discriminator = TrainedNetwork::new(&device, &own, Role::Discriminator, all, seed)?;
        let generator = TrainedNetwork::new(&device, &own, Role::Generator, all, seed)?;
        let average = || generator.network.duplicate(&device);
        let tangents = || Tangents::new(&device, own.discriminator(), rows / settings.pack);
        Ok(Self {
            capacity,
            share: Share::of(0, 1, ranks),
            average: settings.ema.map(|_| average()).transpose()?,
            generator,
            tangents: settings.is_penalized().then(tangents).transpose()?,
            discriminator,
            inputs: BatchInputs::new(&device, &own, all, seed)?,
            images: Matrix::zeros(&device, rows, settings.image.pixels())?,
            augmented: AugmentedImages::new(&device, settings, rows)?,
            outputs: Matrix::zeros(&device, outputs / settings.pack, 1)?,
            ring: device.allocate(RING_ROWS * RING_COLUMNS)?,
            step: device.allocate(1)?,
            completed: 0,
            before: (0, [0; 2]),
            total: u32::MAX,
            first_iterations: [0; 2],
            graphs: BTreeMap::new(),
            device,
            model,
            steps,
        })
    }

    /// Trains one iteration on the next `rows` images, of which each rank takes its share; those that
    /// do not fill a pack are left out. All ranks must call this with the same `rows`. Only queues
    /// operations: it allocates no memory and does not wait for the device.
    #[inline(never)]
    pub fn iterate(&mut self, dataset: &DeviceDataset<D>, rows: usize) {
        let rows = rows - rows % self.settings().pack;
        let parts = Parts::after(self.completed, self.settings());
        let key = (dataset.id(), rows, parts);
        self.share = self.share_of(rows);
        if !self.device.launch_graph(self.graphs.entry(key).or_default()) {
            for i in 0..self.steps[&parts].len() {
                let step = self.steps[&parts][i];
                self.run(step, dataset);
            }
            self.device.end_capture(self.graphs.entry(key).or_default());
        }
        self.completed += 1;
    }

    /// This rank's share of a batch.
    fn share_of(&self, rows: usize) -> Share {
        Share::of(rows, self.settings().pack, self.device.ranks())
    }

    /// Generates images in evaluation mode (BatchNorm uses its running statistics): channels first,
    /// in [−1, 1], one for each row of noise. A conditional GAN needs as many labels. Uses the moving
    /// average of the weights, if there is one.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn sample(&mut self, noise: &[D::Real], labels: &[u32]) -> Result<Vec<D::Real>> {
        self.sample_from(Weights::Averaged, noise, labels)
    }

    /// The same with a choice of weights.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn sample_from(
        &mut self,
        weights: Weights,
        noise: &[D::Real],
        labels: &[u32],
    ) -> Result<Vec<D::Real>> {
        let TrainedNetwork { network, activations, .. } = &mut self.generator;
        let network = match (weights, &mut self.average) {
            (Weights::Averaged, Some(average)) => average,
            _ => network,
        };
        let generator = Generator { network, activations, images: &mut self.images };
        let rows = self.capacity;
        let mut images = Vec::new();
        for pass in generator.passes(&self.device, rows, Mode::Evaluation, noise, labels) {
            images.extend(pass?);
        }
        Ok(images)
    }

    /// Samples `rows` rows of noise for [`Gan::sample`]; no training iteration uses this noise.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn sample_noise(&self, rows: usize, seed: u64) -> Result<Vec<D::Real>> {
        sample_noise(&self.device, self.model.settings(), rows, seed)
    }

    /// The model that is trained.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// The model's settings.
    pub fn settings(&self) -> &Settings {
        self.model.settings()
    }

    /// The steps of the next iteration.
    pub fn steps(&self) -> &[Step] {
        &self.steps[&Parts::after(self.completed, self.settings())]
    }

    /// The moving average of the generator, if there is one.
    pub fn average(&self) -> Option<&Network<D>> {
        self.average.as_ref()
    }

    /// The device, and the moving average of the generator, mutable.
    pub fn average_mut(&mut self) -> (&D, Option<&mut Network<D>>) {
        (&self.device, self.average.as_mut())
    }

    /// Starts the moving average of the generator, if there is one, from its present weights.
    pub fn restart_average(&mut self) {
        if let Some(average) = &mut self.average {
            average.assign(&self.device, &self.generator.network);
        }
    }

    /// Sets the number of iterations after which learning rates have fallen to zero, if they fall.
    /// Before this call it is the largest number: they hardly fall at all.
    pub fn set_total(&mut self, iterations: u32) {
        self.total = iterations;
        self.graphs.clear();
    }

    /// The device that everything lives on.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// A network with its activations, gradients and optimizer.
    pub fn trained_network(&self, role: Role) -> &TrainedNetwork<D> {
        match role {
            Role::Generator => &self.generator,
            Role::Discriminator => &self.discriminator,
        }
    }

    /// The device, and a network with its activations, gradients and optimizer, mutable.
    pub fn trained_network_mut(&mut self, role: Role) -> (&D, &mut TrainedNetwork<D>) {
        let network = match role {
            Role::Generator => &mut self.generator,
            Role::Discriminator => &mut self.discriminator,
        };
        (&self.device, network)
    }

    /// Real images and fakes of the last iteration, and the discriminator's outputs for them.
    pub fn images_and_outputs(&self) -> [&Matrix<D>; 2] {
        [&self.images, &self.outputs]
    }

    /// Replaces the real images and their labels (none without classes), for tests.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_real(&mut self, images: &[D::Real], labels: &[u32]) -> Result<()> {
        let rows = images.len() / self.settings().image.pixels();
        self.device.upload(self.images.rows_mut(0..rows), images)?;
        self.inputs.write_real_labels(&self.device, labels)
    }

    /// The device, and the inputs of the iteration, mutable, for tests.
    pub fn inputs_mut(&mut self) -> (&D, &mut BatchInputs<D>) {
        (&self.device, &mut self.inputs)
    }

    /// The captured graphs, one for each data set and batch size.
    pub fn graphs(&self) -> impl Iterator<Item = &D::Graph> {
        self.graphs.values()
    }
}

/// The steps of each combination of parts that occurs in a run.
fn steps_of_parts(model: &Model, ranks: Ranks) -> BTreeMap<Parts, Vec<Step>> {
    let parts: BTreeSet<Parts> = Parts::of_period(model.settings()).collect();
    let steps = |parts| match ranks.alone() {
        true => iteration_of(model, parts),
        false => iteration_of_ranks(model, parts),
    };
    parts.into_iter().map(|parts| (parts, steps(parts))).collect()
}

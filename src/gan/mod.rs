//! Generative adversarial networks: two networks, their losses and the order of their updates.
//!
//! | module | holds |
//! |---|---|
//! | [`preset`] | the table of published set-ups |
//! | [`settings`] | every value of a set-up that can be changed |
//! | [`architecture`] | a set-up as two lists of layers |
//! | [`draws`] | what an iteration consumes: images, noise, labels, masks |
//! | [`plan`] | the memory that all of it takes |
//! | [`work`] | the least that an iteration computes and moves |
//! | [`sampler`] | images of a generator, in training and after it |
//! | [`arrangement`], [`interpolation`] | which images a picture shows |
//! | [`metrics`] | an iteration's losses, for those who ask |
//! | this one | the iteration: [`Gan::iterate`] |

pub mod architecture;
pub mod arrangement;
pub mod draws;
pub mod interpolation;
pub mod metrics;
pub mod plan;
pub mod preset;
pub mod sampler;
pub mod settings;
pub mod work;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::Result;
use crate::data::ImageShape;
use crate::device::ops::{Judged, LossShape, RING_COLUMNS, RING_ROWS, Score};
use crate::device::{Device, InInts, Reals};
use crate::nn::{Gradients, Network, NetworkSpec};
use crate::rng;
use draws::{Draws, Resident};
pub use metrics::Metrics;
use preset::Preset;
use sampler::{Statistics, draw_noise, passes};
use settings::{Fakes, Loss, Order, Settings};

/// One of an iteration's two halves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Update {
    /// The discriminator learns to tell real images from generated ones.
    Discriminator,
    /// The generator learns to pass for real.
    Generator,
}

/// A generator and a discriminator in training.
pub struct Gan<D: Device> {
    device: D,
    preset: &'static Preset,
    settings: Settings,
    /// Runs on the second half of its rows. In the first half of its output stand the real images,
    /// so that both are one batch for the discriminator, and nothing is copied.
    generator: Network<D>,
    discriminator: Network<D>,
    draws: Draws<D>,
    ring: Reals<D>,
    step: D::Buffer<u32>,
    completed: u32,
    /// An iteration as the device remembers it, for each data set and number of rows.
    recordings: BTreeMap<(u64, usize), D::Recording>,
}

impl<D: Device> Gan<D> {
    /// Networks of a set-up with freshly drawn weights, and memory for batches of
    /// `settings.batch_size`.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: D, preset: &'static Preset, settings: Settings, seed: u64) -> Result<Self> {
        let batch = settings.batch_size;
        let architecture = architecture::generator(preset, &settings);
        let mut generator = Network::new(&device, architecture.network, 2 * batch)?;
        let architecture = architecture::discriminator(preset, &settings);
        let mut discriminator = Network::new(&device, architecture.network, 2 * batch)?;
        generator.initialize(&device, settings.init, &mut rng::host(seed, 0))?;
        discriminator.initialize(&device, settings.init, &mut rng::host(seed, 1))?;
        Ok(Self {
            draws: Draws::new(&device, &settings, &discriminator, seed)?,
            ring: device.allocate(RING_ROWS * RING_COLUMNS)?,
            step: device.allocate(1)?,
            completed: 0,
            recordings: BTreeMap::new(),
            device,
            preset,
            settings,
            generator,
            discriminator,
        })
    }

    /// One iteration on the next `rows` images: draws, both updates, one step further. Only
    /// queues operations: no allocation, no waiting.
    pub fn iterate(&mut self, images: &Resident<D>, rows: usize) {
        let key = (images.id(), rows);
        if !self.device.replay(self.recordings.entry(key).or_default()) {
            self.queue_iteration(images, rows);
            self.device.record(self.recordings.entry(key).or_default());
        }
        self.completed += 1;
    }

    fn queue_iteration(&mut self, images: &Resident<D>, rows: usize) {
        let step = D::view(&self.step, 0..1);
        let reals = self.generator.last_mut().output_mut(0..rows);
        self.draws.draw(&self.device, reals, images, step, &self.settings, rows);
        self.update(rows);
        self.device.step_advance(D::view_mut(&mut self.step, 0..1));
    }

    /// Both updates, on draws that are there already.
    pub fn update(&mut self, rows: usize) {
        let (first, second) = match self.settings.order {
            Order::DFirst => (Update::Discriminator, Update::Generator),
            Order::GFirst => (Update::Generator, Update::Discriminator),
        };
        self.generate(first, rows);
        self.learn(first, rows);
        if self.settings.fakes == Fakes::Fresh {
            self.generate(second, rows);
        }
        self.learn(second, rows);
    }

    /// Runs the generator on the noise of an update; its images come to stand behind the real ones.
    pub fn generate(&mut self, update: Update, rows: usize) {
        let noise = self.draws.noise(update, rows);
        let labels = self.draws.fake_labels(update, rows);
        self.generator.forward(&self.device, noise, labels, rows..2 * rows, None);
    }

    fn learn(&mut self, update: Update, rows: usize) {
        let network = match update {
            Update::Discriminator => {
                self.discriminator_gradients(rows);
                &mut self.discriminator
            }
            Update::Generator => {
                self.generator_gradients(rows);
                &mut self.generator
            }
        };
        network.update(&self.device, self.settings.adam());
    }

    /// The discriminator's loss and its gradients, from rows 0..rows of real images and as many
    /// generated ones behind them: one batch, since no discriminator mixes rows.
    pub fn discriminator_gradients(&mut self, rows: usize) {
        let both = 0..2 * rows;
        if !self.judges_once() {
            self.judge(Update::Discriminator, both.clone(), rows);
        }
        self.score(Judged::RealThenFake, both.clone(), self.settings.d_loss_scale);
        let images = self.generator.last().output(both.clone());
        let labels = self.draws.judged_labels(Update::Discriminator, both.clone(), rows);
        let masks = self.draws.masks(Update::Discriminator, rows);
        let gradients = Gradients::Parameters;
        self.discriminator.backward(&self.device, images, labels, both, Some(&masks), gradients);
    }

    /// The generator's loss and its gradients, through the discriminator.
    pub fn generator_gradients(&mut self, rows: usize) {
        let fakes = rows..2 * rows;
        let judged = if self.judges_once() { 0..2 * rows } else { fakes.clone() };
        self.judge(Update::Generator, judged, rows);
        self.score(Judged::FakeAsReal, fakes.clone(), 1.0);
        let (images, gradient) = self.generator.last_mut().output_and_gradient(fakes.clone());
        let labels = self.draws.fake_labels(Update::Generator, rows);
        let (masks, gradient) =
            (self.draws.masks(Update::Generator, rows), Gradients::Input(gradient));
        self.discriminator.backward(
            &self.device,
            images,
            labels,
            fakes.clone(),
            Some(&masks),
            gradient,
        );
        let (noise, gradients) = (self.draws.noise(Update::Generator, rows), Gradients::Parameters);
        self.generator.backward(&self.device, noise, labels, fakes, None, gradients);
    }

    /// Runs the discriminator on some rows of its input. Labels are embedded with the weights of the
    /// moment.
    fn judge(&mut self, update: Update, judged: Range<usize>, rows: usize) {
        let images = self.generator.last().output(judged.clone());
        let labels = self.draws.judged_labels(update, judged.clone(), rows);
        let masks = self.draws.masks(update, rows);
        self.discriminator.forward(&self.device, images, labels, judged, Some(&masks));
    }

    fn judges_once(&self) -> bool {
        judges_once(&self.settings, self.discriminator.spec())
    }

    fn score(&mut self, judged: Judged, rows: Range<usize>, scale: f64) {
        let shape = LossShape {
            rows: rows.len() / judged.parts(),
            score: self.settings.loss.score(),
            scale,
            judged,
        };
        let ring = D::view_mut(&mut self.ring, 0..RING_ROWS * RING_COLUMNS);
        let (logits, gradient) = self.discriminator.last_mut().output_and_gradient(rows);
        let step: InInts<'_, D> = D::view(&self.step, 0..1);
        self.device.loss_forward_backward(gradient, ring, logits, step, shape);
    }

    /// Images of the generator in evaluation mode (running statistics), plane by plane in
    /// [−1, 1], for rows of noise and as many labels (where the set-up has classes).
    ///
    /// # Errors
    /// When the device fails.
    pub fn sample(&mut self, noise: &[D::Real], labels: &[u32]) -> Result<Vec<D::Real>> {
        let (rows, statistics) = (self.settings.batch_size, Statistics::Running);
        let mut images =
            Vec::with_capacity(noise.len() / self.settings.latent_dim * self.image().pixels());
        for pass in passes(&self.device, &mut self.generator, rows, statistics, noise, labels) {
            images.extend(pass?);
        }
        Ok(images)
    }

    /// Draws `rows` rows of noise on the device that no iteration uses, for [`Gan::sample`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn sample_noise(&self, rows: usize, seed: u64) -> Result<Vec<D::Real>> {
        draw_noise(&self.device, &self.settings, rows, seed)
    }

    /// The set-up's row of the table.
    pub fn preset(&self) -> &'static Preset {
        self.preset
    }

    /// The set-up's values.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The shape of one image.
    pub fn image(&self) -> ImageShape {
        self.settings.image
    }

    /// The device that everything lives on.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// The generator.
    pub fn generator(&self) -> &Network<D> {
        &self.generator
    }

    /// The discriminator.
    pub fn discriminator(&self) -> &Network<D> {
        &self.discriminator
    }

    /// Device, generator and discriminator, the networks to write.
    pub fn networks_mut(&mut self) -> (&D, &mut Network<D>, &mut Network<D>) {
        (&self.device, &mut self.generator, &mut self.discriminator)
    }

    /// Replaces the real images and their labels (none without classes): for tests that bring their
    /// own.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_real(&mut self, images: &[D::Real], labels: &[u32]) -> Result<()> {
        let rows = images.len() / self.image().pixels();
        self.device.upload(self.generator.last_mut().output_mut(0..rows), images)?;
        self.draws.write_real_labels(&self.device, labels)
    }

    /// Device and draws, the draws to write: for tests that bring their own.
    pub fn draws_mut(&mut self) -> (&D, &mut Draws<D>) {
        (&self.device, &mut self.draws)
    }

    /// What the device remembers of iterations: one recording for each data set and number of rows.
    pub fn recordings(&self) -> impl Iterator<Item = &D::Recording> {
        self.recordings.values()
    }

    /// Completed iterations.
    pub fn completed(&self) -> u32 {
        self.completed
    }

    /// Sets the number of completed iterations: Adam's t, random numbers and the place in the
    /// order of images follow from it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_completed(&mut self, iterations: u32) -> Result<()> {
        self.completed = iterations;
        for network in [&mut self.generator, &mut self.discriminator] {
            network.params_mut().set_updates(&self.device, iterations)?;
        }
        self.device.upload(D::view_mut(&mut self.step, 0..1), &[iterations])
    }

    /// Forward passes of the generator in training mode: what BatchNorm's `num_batches_tracked`
    /// counts.
    pub fn generator_passes(&self) -> u64 {
        let passes = if self.settings.fakes == Fakes::Fresh { 2 } else { 1 };
        passes * u64::from(self.completed)
    }
}

/// Whether the discriminator judges real images and fakes once for both updates: its own update is
/// the second, looks at the same fakes, and nothing is dropped.
pub fn judges_once(settings: &Settings, discriminator: &NetworkSpec) -> bool {
    settings.order == Order::GFirst
        && settings.fakes == Fakes::Same
        && !discriminator.blocks.iter().any(|block| block.drops())
}

impl Loss {
    fn score(self) -> Score {
        match self {
            Loss::Bce | Loss::BceLogits => Score::CrossEntropy,
            Loss::Mse => Score::SquaredError,
        }
    }
}

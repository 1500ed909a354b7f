//! Generative adversarial networks: two networks, their losses and the order of their updates.
//!
//! | module | holds |
//! |---|---|
//! | [`preset`] | the published GANs, `presets/*.toml` |
//! | [`settings`] | a GAN's TOML file: every value, and both networks as lists of layers |
//! | [`rewrite`] | changes of these lists by numbers, as flags ask for |
//! | [`model`] | a GAN whose layers fit each other |
//! | [`mod@iteration`] | an iteration as a list of steps |
//! | [`dataset`], [`batch`] | images in device memory; what an iteration works on |
//! | [`player`] | a network with all that its training takes |
//! | [`plan`], [`work`] | the memory of a run; the least that an iteration computes and moves |
//! | [`sampler`] | images of a generator, in training and after it |
//! | [`arrangement`], [`interpolation`], [`interval`] | which images a picture shows, and when |
//! | [`metrics`] | an iteration's losses, for those who ask |
//! | this one | running the steps: [`Gan::iterate`] |

pub mod arrangement;
pub mod batch;
pub mod dataset;
pub mod interpolation;
pub mod interval;
pub mod iteration;
pub mod metrics;
pub mod model;
pub mod plan;
pub mod player;
pub mod preset;
pub mod rewrite;
mod role;
pub mod sampler;
pub mod settings;
pub mod work;

use std::collections::BTreeMap;

use crate::device::ops::{LossShape, RING_COLUMNS, RING_ROWS, Targets};
use crate::device::{Device, FloatBuffer, Result};
use crate::nn::{Batches, Matrix, Mode, ParameterGradients};
use batch::BatchInputs;
use dataset::DeviceDataset;
use iteration::{Step, batches_through, iteration};
pub use metrics::Metrics;
pub use model::Model;
use player::Player;
pub use role::Role;
use sampler::{Generator, draw_noise};
use settings::Settings;

/// A generator and a discriminator in training.
pub struct Gan<D: Device> {
    device: D,
    model: Model,
    steps: Vec<Step>,
    generator: Player<D>,
    discriminator: Player<D>,
    inputs: BatchInputs<D>,
    /// Real images, and as many fakes behind them: one batch for the discriminator, and nothing is
    /// copied.
    images: Matrix<D>,
    /// What the discriminator puts out for each of them.
    outputs: Matrix<D>,
    ring: FloatBuffer<D>,
    step: D::Buffer<u32>,
    completed: u32,
    /// Iterations before those that went by these steps, and the batches that generator and
    /// discriminator had had then.
    before: (u32, [u64; 2]),
    /// An iteration as the device remembers it, for each data set and number of rows.
    recordings: BTreeMap<(u64, usize), D::Graph>,
}

impl<D: Device> Gan<D> {
    /// Networks with freshly drawn weights, and memory for batches of `batch_size`.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn new(device: D, model: Model, seed: u64) -> Result<Self> {
        let steps = iteration(&model);
        let both = 2 * model.settings().batch_size;
        Ok(Self {
            generator: Player::new(&device, &model, Role::Generator, &steps, seed)?,
            discriminator: Player::new(&device, &model, Role::Discriminator, &steps, seed)?,
            inputs: BatchInputs::new(&device, &model, &steps, seed)?,
            images: Matrix::zeros(&device, both, model.settings().image.pixels())?,
            outputs: Matrix::zeros(&device, both, 1)?,
            ring: device.allocate(RING_ROWS * RING_COLUMNS)?,
            step: device.allocate(1)?,
            completed: 0,
            before: (0, [0; 2]),
            recordings: BTreeMap::new(),
            device,
            model,
            steps,
        })
    }

    /// One iteration on the next `rows` images. Only queues operations: no allocation, no waiting.
    pub fn iterate(&mut self, dataset: &DeviceDataset<D>, rows: usize) {
        let key = (dataset.id(), rows);
        if !self.device.launch_graph(self.recordings.entry(key).or_default()) {
            for i in 0..self.steps.len() {
                let step = self.steps[i];
                self.run(step, dataset, rows);
            }
            self.device.end_capture(self.recordings.entry(key).or_default());
        }
        self.completed += 1;
    }

    fn run(&mut self, step: Step, dataset: &DeviceDataset<D>, rows: usize) {
        match step {
            Step::Draw => self.draw(dataset, rows),
            Step::Advance => self.device.step_advance(D::view_mut(&mut self.step, 0..1)),
            step => self.run_on_drawn(step, rows),
        }
    }

    /// A step between [`Step::Draw`] and [`Step::Advance`], on `rows` images and what is drawn for
    /// them already.
    pub fn run_on_drawn(&mut self, step: Step, rows: usize) {
        match step {
            Step::Draw | Step::Advance => {}
            Step::Generate { update } => self.generate(update, rows),
            Step::Discriminate { update, real } => self.discriminate(update, judged(real, rows)),
            Step::Loss { update } => self.loss(update, rows),
            Step::Backward(Role::Discriminator) => self.backward_discriminator(rows),
            Step::Backward(Role::Generator) => self.backward_generator(rows),
            Step::AdamStep(role) => {
                let constants = self.model.settings().adam();
                let Self { device, generator, discriminator, .. } = self;
                match role {
                    Role::Generator => generator.step(device, constants),
                    Role::Discriminator => discriminator.step(device, constants),
                }
            }
        }
    }

    fn draw(&mut self, dataset: &DeviceDataset<D>, rows: usize) {
        let (images, step) = (self.images.rows_mut(0..rows), D::view(&self.step, 0..1));
        self.inputs.draw(&self.device, images, dataset, step, self.model.settings(), rows);
    }

    fn generate(&mut self, update: Role, rows: usize) {
        let input = self.inputs.of_generator(update, rows);
        let fakes = self.images.rows_mut(rows..2 * rows);
        let Player { network, activations, .. } = &mut self.generator;
        let batches = Batches::one(rows);
        network.forward(&self.device, activations, &input, fakes, &batches, Mode::Training);
    }

    fn discriminate(&mut self, update: Role, batches: Batches) {
        let images = self.images.rows(batches.range());
        let input = self.inputs.of_discriminator(update, images, &batches);
        let outputs = self.outputs.rows_mut(batches.range());
        let Player { network, activations, .. } = &mut self.discriminator;
        network.forward(&self.device, activations, &input, outputs, &batches, Mode::Training);
    }

    /// The loss of an update, and its gradient with respect to the discriminator's outputs.
    fn loss(&mut self, update: Role, rows: usize) {
        let settings = self.model.settings();
        let (judged, scale, batches) = match update {
            Role::Discriminator => {
                (Targets::RealThenFake, settings.d_loss_scale, judged(true, rows))
            }
            Role::Generator => (Targets::FakeAsReal, 1.0, judged(false, rows)),
        };
        let shape = LossShape { rows, score: settings.loss.score(), scale, targets: judged };
        let gradient = self.discriminator.activations.output_gradient(&batches);
        let ring = D::view_mut(&mut self.ring, 0..RING_ROWS * RING_COLUMNS);
        let (outputs, step) = (self.outputs.rows(batches.range()), D::view(&self.step, 0..1));
        self.device.loss_forward_backward(gradient, ring, outputs, step, shape);
    }

    /// Gradients of the discriminator's parameters, from its loss on real images and fakes.
    fn backward_discriminator(&mut self, rows: usize) {
        let batches = judged(true, rows);
        let (images, outputs) =
            (self.images.rows(batches.range()), self.outputs.rows(batches.range()));
        let input = self.inputs.of_discriminator(Role::Discriminator, images, &batches);
        let Player { network, activations, gradients, .. } = &mut self.discriminator;
        let gradients = ParameterGradients::Overwrite(gradients);
        network.backward(&self.device, activations, &input, outputs, &batches, gradients, None);
    }

    /// Gradients of the generator's parameters, from its loss on fakes and through the
    /// discriminator.
    fn backward_generator(&mut self, rows: usize) {
        let (batches, own) = (judged(false, rows), Batches::one(rows));
        let fakes = self.images.rows(batches.range());
        let outputs = self.outputs.rows(batches.range());
        let input = self.inputs.of_discriminator(Role::Generator, D::reborrow(&fakes), &batches);
        let dfakes = self.generator.activations.output_gradient(&own);
        let Player { network, activations, .. } = &mut self.discriminator;
        let ignore = ParameterGradients::Ignore;
        network.backward(
            &self.device,
            activations,
            &input,
            outputs,
            &batches,
            ignore,
            Some(dfakes),
        );
        let input = self.inputs.of_generator(Role::Generator, rows);
        let Player { network, activations, gradients, .. } = &mut self.generator;
        let gradients = ParameterGradients::Overwrite(gradients);
        network.backward(&self.device, activations, &input, fakes, &own, gradients, None);
    }

    /// Images of the generator in evaluation mode (running statistics), plane by plane in
    /// [−1, 1], for rows of noise and as many labels (where there are classes).
    ///
    /// # Errors
    /// When the device fails.
    pub fn sample(&mut self, noise: &[D::Real], labels: &[u32]) -> Result<Vec<D::Real>> {
        let Player { network, activations, .. } = &mut self.generator;
        let generator = Generator { network, activations, images: &mut self.images };
        let rows = self.model.settings().batch_size;
        let mut images = Vec::new();
        for pass in generator.passes(&self.device, rows, Mode::Evaluation, noise, labels) {
            images.extend(pass?);
        }
        Ok(images)
    }

    /// Draws `rows` rows of noise on the device that no iteration uses, for [`Gan::sample`].
    ///
    /// # Errors
    /// When the device fails.
    pub fn sample_noise(&self, rows: usize, seed: u64) -> Result<Vec<D::Real>> {
        draw_noise(&self.device, self.model.settings(), rows, seed)
    }

    /// What is trained.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Its values.
    pub fn settings(&self) -> &Settings {
        self.model.settings()
    }

    /// The steps of an iteration.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The device that everything lives on.
    pub fn device(&self) -> &D {
        &self.device
    }

    /// A network and what its training takes.
    pub fn player(&self, role: Role) -> &Player<D> {
        match role {
            Role::Generator => &self.generator,
            Role::Discriminator => &self.discriminator,
        }
    }

    /// The same to write, and the device.
    pub fn player_mut(&mut self, role: Role) -> (&D, &mut Player<D>) {
        let player = match role {
            Role::Generator => &mut self.generator,
            Role::Discriminator => &mut self.discriminator,
        };
        (&self.device, player)
    }

    /// Real images and fakes of the last iteration, and what the discriminator put out for them.
    pub fn images_and_outputs(&self) -> [&Matrix<D>; 2] {
        [&self.images, &self.outputs]
    }

    /// Replaces the real images and their labels (none without classes): for tests that bring their
    /// own.
    ///
    /// # Errors
    /// When the device fails.
    pub fn write_real(&mut self, images: &[D::Real], labels: &[u32]) -> Result<()> {
        let rows = images.len() / self.settings().image.pixels();
        self.device.upload(self.images.rows_mut(0..rows), images)?;
        self.inputs.write_real_labels(&self.device, labels)
    }

    /// Device and inputs, the inputs to write: for tests that bring their own.
    pub fn inputs_mut(&mut self) -> (&D, &mut BatchInputs<D>) {
        (&self.device, &mut self.inputs)
    }

    /// What the device remembers of iterations: one recording for each data set and number of rows.
    pub fn recordings(&self) -> impl Iterator<Item = &D::Graph> {
        self.recordings.values()
    }

    /// Completed iterations.
    pub fn completed(&self) -> u32 {
        self.completed
    }

    /// Sets the number of completed iterations: random numbers and the place in the order of images
    /// follow from it.
    ///
    /// # Errors
    /// When the device fails.
    pub fn set_completed(&mut self, iterations: u32) -> Result<()> {
        self.completed = iterations;
        self.before = (0, [0; 2]);
        self.device.upload(D::view_mut(&mut self.step, 0..1), &[iterations])
    }

    /// Batches that have gone through a network in training mode: what BatchNorm's
    /// `num_batches_tracked` counts.
    pub fn passes(&self, role: Role) -> u64 {
        let (iterations, [generator, discriminator]) = self.before;
        let before = match role {
            Role::Generator => generator,
            Role::Discriminator => discriminator,
        };
        let since = u64::from(self.completed - iterations);
        before + batches_through(&self.steps, role) as u64 * since
    }

    /// Says how many batches have gone through generator and discriminator so far, where they may
    /// have gone by other steps.
    pub fn set_passes(&mut self, batches: [u64; 2]) {
        self.before = (self.completed, batches);
    }
}

/// What the discriminator looks at: fakes, and real images before them.
fn judged(real: bool, rows: usize) -> Batches {
    Batches { rows, which: if real { 0..2 } else { 1..2 } }
}

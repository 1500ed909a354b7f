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
//! | this one | running the steps: [`Gan::iterate`] |

pub mod batch;
pub mod dataset;
pub mod interpolation;
pub mod interval;
pub mod iteration;
pub mod metrics;
pub mod model;
pub mod plan;
pub mod preset;
pub mod rewrite;
mod role;
pub mod sample_grid;
pub mod sampler;
pub mod settings;
pub mod trained_network;
pub mod work;

use std::collections::BTreeMap;

use crate::device::ops::{LossShape, RING_COLUMNS, RING_ROWS, Targets};
use crate::device::{Device, FloatBuffer, Result};
use crate::nn::{Batches, Matrix, Mode, ParameterGradients};
use batch::BatchInputs;
use dataset::DeviceDataset;
use iteration::{Step, batches_per_iteration, iteration};
pub use metrics::Metrics;
pub use model::Model;
pub use role::Role;
use sampler::{Generator, sample_noise};
use settings::Settings;
use trained_network::TrainedNetwork;

/// A generator and a discriminator in training.
pub struct Gan<D: Device> {
    device: D,
    model: Model,
    steps: Vec<Step>,
    generator: TrainedNetwork<D>,
    discriminator: TrainedNetwork<D>,
    inputs: BatchInputs<D>,
    /// Real images, followed by as many fakes, so that the discriminator reads both as one batch
    /// without a copy.
    images: Matrix<D>,
    /// The discriminator's output for each of them.
    outputs: Matrix<D>,
    ring: FloatBuffer<D>,
    step: D::Buffer<u32>,
    completed: u32,
    /// Iterations completed before training with these steps, and how many batches generator and
    /// discriminator had processed by then.
    before: (u32, [u64; 2]),
    /// An iteration as a captured graph, for each data set and batch size.
    graphs: BTreeMap<(u64, usize), D::Graph>,
}

impl<D: Device> Gan<D> {
    /// Initializes the weights and allocates memory for batches of `batch_size`.
    ///
    /// # Errors
    /// When the device has not enough memory.
    #[inline(never)]
    pub fn new(device: D, model: Model, seed: u64) -> Result<Self> {
        let steps = iteration(&model);
        let both = 2 * model.settings().batch_size;
        Ok(Self {
            generator: TrainedNetwork::new(&device, &model, Role::Generator, &steps, seed)?,
            discriminator: TrainedNetwork::new(&device, &model, Role::Discriminator, &steps, seed)?,
            inputs: BatchInputs::new(&device, &model, &steps, seed)?,
            images: Matrix::zeros(&device, both, model.settings().image.pixels())?,
            outputs: Matrix::zeros(&device, both, 1)?,
            ring: device.allocate(RING_ROWS * RING_COLUMNS)?,
            step: device.allocate(1)?,
            completed: 0,
            before: (0, [0; 2]),
            graphs: BTreeMap::new(),
            device,
            model,
            steps,
        })
    }

    /// Trains one iteration on the next `rows` images. Only queues operations: it allocates no
    /// memory and does not wait for the device.
    #[inline(never)]
    pub fn iterate(&mut self, dataset: &DeviceDataset<D>, rows: usize) {
        let key = (dataset.id(), rows);
        if !self.device.launch_graph(self.graphs.entry(key).or_default()) {
            for i in 0..self.steps.len() {
                let step = self.steps[i];
                self.run(step, dataset, rows);
            }
            self.device.end_capture(self.graphs.entry(key).or_default());
        }
        self.completed += 1;
    }

    fn run(&mut self, step: Step, dataset: &DeviceDataset<D>, rows: usize) {
        match step {
            Step::PrepareInputs => self.prepare_inputs(dataset, rows),
            Step::Advance => self.device.step_advance(D::view_mut(&mut self.step, 0..1)),
            step => self.run_on_inputs(step, rows),
        }
    }

    /// Runs a step between [`Step::PrepareInputs`] and [`Step::Advance`] on `rows` images, with the
    /// inputs that are already in place.
    #[inline(never)]
    pub fn run_on_inputs(&mut self, step: Step, rows: usize) {
        match step {
            Step::PrepareInputs | Step::Advance => {}
            Step::Generate { update } => self.generate(update, rows),
            Step::Discriminate { update, real } => {
                self.discriminate(update, discriminator_batches(real, rows));
            }
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

    fn prepare_inputs(&mut self, dataset: &DeviceDataset<D>, rows: usize) {
        let (images, step) = (self.images.rows_mut(0..rows), D::view(&self.step, 0..1));
        self.inputs.prepare(&self.device, images, dataset, step, self.model.settings(), rows);
    }

    fn generate(&mut self, update: Role, rows: usize) {
        let input = self.inputs.generator_input(update, rows);
        let fakes = self.images.rows_mut(rows..2 * rows);
        let TrainedNetwork { network, activations, .. } = &mut self.generator;
        let batches = Batches::one(rows);
        network.forward(&self.device, activations, &input, fakes, &batches, Mode::Training);
    }

    fn discriminate(&mut self, update: Role, batches: Batches) {
        let images = self.images.rows(batches.range());
        let input = self.inputs.discriminator_input(update, images, &batches);
        let outputs = self.outputs.rows_mut(batches.range());
        let TrainedNetwork { network, activations, .. } = &mut self.discriminator;
        network.forward(&self.device, activations, &input, outputs, &batches, Mode::Training);
    }

    /// Computes the loss of an update and its gradient with respect to the discriminator's outputs.
    fn loss(&mut self, update: Role, rows: usize) {
        let settings = self.model.settings();
        let (targets, scale, batches) = match update {
            Role::Discriminator => {
                (Targets::RealThenFake, settings.d_loss_scale, discriminator_batches(true, rows))
            }
            Role::Generator => (Targets::FakeAsReal, 1.0, discriminator_batches(false, rows)),
        };
        let shape = LossShape { rows, criterion: settings.loss.criterion(), scale, targets };
        let gradient = self.discriminator.activations.output_gradient(&batches);
        let ring = D::view_mut(&mut self.ring, 0..RING_ROWS * RING_COLUMNS);
        let (outputs, step) = (self.outputs.rows(batches.range()), D::view(&self.step, 0..1));
        self.device.loss_forward_backward(gradient, ring, outputs, step, shape);
    }

    /// Computes the gradients of the discriminator's parameters from its loss on real images and
    /// fakes.
    fn backward_discriminator(&mut self, rows: usize) {
        let batches = discriminator_batches(true, rows);
        let (images, outputs) =
            (self.images.rows(batches.range()), self.outputs.rows(batches.range()));
        let input = self.inputs.discriminator_input(Role::Discriminator, images, &batches);
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.discriminator;
        let gradients = ParameterGradients::Overwrite(gradients);
        network.backward(&self.device, activations, &input, outputs, &batches, gradients, None);
    }

    /// Computes the gradients of the generator's parameters from its loss on fakes, backpropagated
    /// through the discriminator.
    fn backward_generator(&mut self, rows: usize) {
        let (batches, own) = (discriminator_batches(false, rows), Batches::one(rows));
        let fakes = self.images.rows(batches.range());
        let outputs = self.outputs.rows(batches.range());
        let input = self.inputs.discriminator_input(Role::Generator, D::reborrow(&fakes), &batches);
        let dfakes = self.generator.activations.output_gradient(&own);
        let TrainedNetwork { network, activations, .. } = &mut self.discriminator;
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
        let input = self.inputs.generator_input(Role::Generator, rows);
        let TrainedNetwork { network, activations, gradients, .. } = &mut self.generator;
        let gradients = ParameterGradients::Overwrite(gradients);
        network.backward(&self.device, activations, &input, fakes, &own, gradients, None);
    }

    /// Generates images in evaluation mode (BatchNorm uses its running statistics): channels first,
    /// in [−1, 1], one for each row of noise. A conditional GAN needs as many labels.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn sample(&mut self, noise: &[D::Real], labels: &[u32]) -> Result<Vec<D::Real>> {
        let TrainedNetwork { network, activations, .. } = &mut self.generator;
        let generator = Generator { network, activations, images: &mut self.images };
        let rows = self.model.settings().batch_size;
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

    /// The steps of an iteration.
    pub fn steps(&self) -> &[Step] {
        &self.steps
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

    /// Completed iterations.
    pub fn completed(&self) -> u32 {
        self.completed
    }

    /// Sets the number of completed iterations, which determines the random numbers and the
    /// position in the order of images.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn set_completed(&mut self, iterations: u32) -> Result<()> {
        self.completed = iterations;
        self.before = (0, [0; 2]);
        self.device.upload(D::view_mut(&mut self.step, 0..1), &[iterations])
    }

    /// How many batches a network has processed in training mode: BatchNorm's
    /// `num_batches_tracked`.
    pub fn batches_tracked(&self, role: Role) -> u64 {
        let (iterations, [generator, discriminator]) = self.before;
        let before = match role {
            Role::Generator => generator,
            Role::Discriminator => discriminator,
        };
        let since = u64::from(self.completed - iterations);
        before + batches_per_iteration(&self.steps, role) as u64 * since
    }

    /// Sets how many batches generator and discriminator have processed so far, possibly with other
    /// steps (an earlier configuration of the run).
    pub fn set_batches_tracked(&mut self, batches: [u64; 2]) {
        self.before = (self.completed, batches);
    }
}

/// The discriminator's input batches: fakes, preceded by real images if `real`.
fn discriminator_batches(real: bool, rows: usize) -> Batches {
    Batches { rows, which: if real { 0..2 } else { 1..2 } }
}

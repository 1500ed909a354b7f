//! Images of a generator: of one that is learning, and of one alone, from a checkpoint.
//!
//! ```no_run
//! use gan_cuda::device::cpu::Cpu;
//! use gan_cuda::gan::sampler::Statistics;
//! use gan_cuda::run::checkpoint::Checkpoint;
//! use gan_cuda::run::snapshot;
//!
//! let checkpoint = Checkpoint::load("runs/00000-cgan-mnist/checkpoint-000938".as_ref())?;
//! let config = snapshot::config(&checkpoint)?;
//! let mut sampler = snapshot::sampler(Cpu::<f32>::new(2), &checkpoint, &config, 64)?;
//! let noise = sampler.noise(2, 0)?; // seed 0
//! for images in sampler.draw(Statistics::Running, &noise, &[7, 3]) {
//!     println!("{:?}", images?); // a seven and a three
//! }
//! # Ok::<(), gan_cuda::Error>(())
//! ```

use super::model::Model;
use super::plan::reserve;
use super::settings::Settings;
use crate::choice::choices;
use crate::device::{Device, FloatBuffer, Result};
use crate::memory::OutOfMemory;
use crate::nn::{Activations, Batches, Matrix, Mode, Network, NetworkSpec, PassInput};
use crate::rng::{Stream, site};

choices! {
    /// What BatchNorm normalises with.
    pub enum Statistics {
        /// The running statistics, gathered in training: an image depends on its own noise alone.
        Running = "running",
        /// The statistics of the images drawn together, as in training.
        Batch = "batch",
    }
}

/// A generator alone, which learns no more: it has no gradients and no optimiser.
pub struct Sampler<D: Device> {
    device: D,
    settings: Settings,
    network: Network<D>,
    activations: Activations<D>,
    images: Matrix<D>,
    rows: usize,
}

impl<D: Device> Sampler<D> {
    /// The generator of a model, all zeros, with memory to draw up to `rows` images at once. Its
    /// parameters and running statistics come from [`crate::run::snapshot::sampler`].
    ///
    /// # Errors
    /// [`OutOfMemory`].
    pub fn new(device: D, model: &Model, rows: usize) -> Result<Self> {
        let spec = model.generator().clone().with_fixed_statistics();
        check_memory(&device, &spec, rows)?;
        Ok(Self {
            activations: Activations::forward_only(&device, &spec, rows, 1)?,
            images: Matrix::zeros(&device, rows, spec.output().elements())?,
            network: Network::new(&device, spec)?,
            settings: model.settings().clone(),
            device,
            rows,
        })
    }

    /// Draws noise for `rows` images, the same for the same seed and beginning alike for any
    /// number of rows; with a run's seed it is the noise of that run's grids.
    ///
    /// # Errors
    /// When the device fails.
    pub fn noise(&self, rows: usize, seed: u64) -> Result<Vec<D::Real>> {
        draw_noise(&self.device, &self.settings, rows, seed)
    }

    /// Images for rows of noise, and as many labels where there are classes: plane by plane in
    /// [−1, 1], pass by pass as they are asked for. With [`Statistics::Batch`] those of one pass, as
    /// many as the sampler has rows, are normalised together: at least two.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When a label is not one of the model's classes, or labels are missing.
    pub fn draw<'a>(
        &'a mut self,
        statistics: Statistics,
        noise: &'a [D::Real],
        labels: &'a [u32],
    ) -> impl Iterator<Item = Result<Vec<D::Real>>> {
        let Self { device, network, activations, images, rows, .. } = self;
        let mode = match statistics {
            Statistics::Running => Mode::Evaluation,
            // The network's statistics are fixed.
            Statistics::Batch => Mode::Training,
        };
        Generator { network, activations, images }.passes(device, *rows, mode, noise, labels)
    }

    /// Device and generator, the generator to write.
    pub fn network_mut(&mut self) -> (&D, &mut Network<D>) {
        (&self.device, &mut self.network)
    }
}

/// Draws `rows` rows of noise that no iteration uses.
///
/// # Errors
/// When the device fails.
pub fn draw_noise<D: Device>(
    device: &D,
    settings: &Settings,
    rows: usize,
    seed: u64,
) -> Result<Vec<D::Real>> {
    let len = rows * settings.latent_dim;
    let mut noise: FloatBuffer<D> = device.allocate(len)?;
    let step: D::Buffer<u32> = device.allocate(1)?;
    let stream = Stream { seed, site: site::SAMPLES };
    let (z, step) = (D::view_mut(&mut noise, 0..len), D::view(&step, 0..1));
    device.noise_sample(z, step, stream, settings.latent, 1);
    device.download(D::view(&noise, 0..len))
}

/// A generator, and where its passes leave activations and images.
pub(super) struct Generator<'a, D: Device> {
    pub(super) network: &'a mut Network<D>,
    pub(super) activations: &'a mut Activations<D>,
    pub(super) images: &'a mut Matrix<D>,
}

impl<'a, D: Device> Generator<'a, D> {
    /// Images for rows of noise, `rows` at a time.
    pub(super) fn passes(
        mut self,
        device: &'a D,
        rows: usize,
        mode: Mode,
        noise: &'a [D::Real],
        labels: &'a [u32],
    ) -> impl Iterator<Item = Result<Vec<D::Real>>> {
        let columns = self.network.spec().input().shape.elements();
        noise.chunks(rows * columns).enumerate().map(move |(i, noise)| {
            let (first, count) = (i * rows, noise.len() / columns);
            let labels = labels.get(first..first + count).unwrap_or(&[]);
            self.pass(device, mode, noise, labels, count)
        })
    }

    fn pass(
        &mut self,
        device: &D,
        mode: Mode,
        noise: &[D::Real],
        labels: &[u32],
        rows: usize,
    ) -> Result<Vec<D::Real>> {
        let Self { network, activations, images } = self;
        let classes = network.spec().input().label.map_or(0, |label| label.classes);
        assert_eq!(labels.len(), if classes > 0 { rows } else { 0 }, "a label for each row");
        assert!(labels.iter().all(|&label| (label as usize) < classes), "labels below {classes}");
        let mut z: FloatBuffer<D> = device.allocate(noise.len())?;
        let mut y: D::Buffer<u32> = device.allocate(labels.len())?;
        device.upload(D::view_mut(&mut z, 0..noise.len()), noise)?;
        device.upload(D::view_mut(&mut y, 0..labels.len()), labels)?;
        let input = PassInput {
            x: D::view(&z, 0..noise.len()),
            labels: (classes > 0).then(|| D::view(&y, 0..rows)),
            masks: None,
        };
        let (y, batches) = (images.rows_mut(0..rows), Batches::one(rows));
        network.forward(device, activations, &input, y, &batches, mode);
        device.download(images.rows(0..rows))
    }
}

fn check_memory<D: Device>(device: &D, spec: &NetworkSpec, rows: usize) -> Result<()> {
    let numbers = spec.parameters()
        + spec.statistics()
        + Activations::<D>::elements_forward_only(spec, rows, 1)
        + rows * spec.output().elements();
    let asked = size_of::<D::Real>() * numbers + reserve::<D>();
    match device.free_memory() {
        Some(free) if free < asked => {
            let remedy = format!("{rows} images are drawn at once; ask for fewer");
            Err(OutOfMemory { device: device.describe(), asked, free, remedy }.into())
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::device::cpu::Cpu;
    use crate::gan::preset::find;
    use crate::gan::rewrite::Rewrite;
    use crate::nn::Init;
    use crate::rng;

    fn sampler(rows: usize) -> Sampler<Cpu<f32>> {
        let rewrite = Rewrite { g_hidden: Some(vec![16, 16]), ..Rewrite::default() };
        let settings = find("cgan").unwrap().rewritten(&rewrite).unwrap();
        let model = Model::new(settings).unwrap();
        let mut sampler = Sampler::new(Cpu::new(1), &model, rows).unwrap();
        let (device, network) = sampler.network_mut();
        network.initialize(device, Init::Default, &mut rng::host(0, 0)).unwrap();
        sampler
    }

    fn draw(sampler: &mut Sampler<Cpu<f32>>, statistics: Statistics) -> Vec<f32> {
        let noise = sampler.noise(10, 0).unwrap();
        let labels: Vec<u32> = (0..10).collect();
        sampler.draw(statistics, &noise, &labels).flat_map(|images| images.unwrap()).collect()
    }

    #[test]
    fn statistics_of_the_batch_never_move_the_running_ones() {
        let mut sampler = sampler(10);
        let running = |sampler: &Sampler<Cpu<f32>>| {
            let statistics = sampler.network.statistics();
            let read = |param| statistics.read(&sampler.device, param).unwrap();
            statistics.list().iter().flat_map(read).collect::<Vec<f32>>()
        };
        let (before, images) = (running(&sampler), draw(&mut sampler, Statistics::Running));
        let together = draw(&mut sampler, Statistics::Batch);
        assert_ne!(together, images);
        assert_eq!(draw(&mut sampler, Statistics::Batch), together);
        assert_eq!(running(&sampler), before);
        assert_eq!(draw(&mut sampler, Statistics::Running), images);
    }

    #[test]
    fn images_drawn_in_parts_are_the_same_with_running_statistics() {
        let [whole, parts] = [10, 4].map(|rows| draw(&mut sampler(rows), Statistics::Running));
        assert_eq!(whole.len(), 10 * 784);
        assert!(whole.iter().zip(&parts).all(|(a, b)| (a - b).abs() < 1e-6));
        let apart = draw(&mut sampler(4), Statistics::Batch).len();
        assert_eq!((parts.len(), apart), (whole.len(), whole.len()));
    }

    #[test]
    fn noise_begins_alike_for_any_number_of_rows() {
        let sampler = sampler(1);
        let noise = sampler.noise(7, 3).unwrap();
        assert_eq!(noise[..100], sampler.noise(1, 3).unwrap());
        assert_ne!(noise[..100], sampler.noise(1, 4).unwrap());
    }

    #[test]
    #[should_panic(expected = "labels below 10")]
    fn label_that_is_no_class_is_refused() {
        let mut sampler = sampler(1);
        let noise = sampler.noise(1, 0).unwrap();
        sampler.draw(Statistics::Running, &noise, &[10]).for_each(drop);
    }
}

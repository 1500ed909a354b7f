//! Generates images: with the generator of a GAN in training, or with one from a checkpoint.
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
//! for images in sampler.generate(Statistics::Running, &noise, &[7, 3]) {
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
    /// The statistics that BatchNorm normalizes with.
    pub enum Statistics {
        /// The running statistics of training: each image depends on its own noise only.
        Running = "running",
        /// The statistics of the batch of generated images, as in training.
        Batch = "batch",
    }
}

/// A generator for inference: it has no gradients and no optimizer.
pub struct Sampler<D: Device> {
    device: D,
    settings: Settings,
    network: Network<D>,
    activations: Activations<D>,
    images: Matrix<D>,
    rows: usize,
}

impl<D: Device> Sampler<D> {
    /// The generator of a model, with all weights zero, and memory for up to `rows` images at once.
    /// [`crate::run::snapshot::sampler`] sets its parameters and running statistics.
    ///
    /// # Errors
    /// [`OutOfMemory`].
    #[inline(never)]
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

    /// Samples noise for `rows` images. A row depends on the seed and its index only, not on the
    /// number of rows; with a run's seed it is the noise of that run's sample grids.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn noise(&self, rows: usize, seed: u64) -> Result<Vec<D::Real>> {
        sample_noise(&self.device, &self.settings, rows, seed)
    }

    /// Generates an image for each row of noise, channels first, in [−1, 1]; a conditional GAN
    /// needs as many labels. The iterator runs one pass for each item. With [`Statistics::Batch`]
    /// the images of a pass, as many as the sampler has rows, are normalized together; there must
    /// be at least two.
    ///
    /// # Errors
    /// When the device fails.
    ///
    /// # Panics
    /// When a label is not one of the model's classes, or labels are missing.
    pub fn generate<'a>(
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

    /// The device, and the generator, mutable.
    pub fn network_mut(&mut self) -> (&D, &mut Network<D>) {
        (&self.device, &mut self.network)
    }
}

/// Samples `rows` rows of noise that no training iteration uses.
///
/// # Errors
/// When the device fails.
#[inline(never)]
pub fn sample_noise<D: Device>(
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

/// A generator, its activations, and the matrix for its images.
pub(super) struct Generator<'a, D: Device> {
    pub(super) network: &'a mut Network<D>,
    pub(super) activations: &'a mut Activations<D>,
    pub(super) images: &'a mut Matrix<D>,
}

impl<'a, D: Device> Generator<'a, D> {
    /// Generates images for rows of noise, up to `rows` in each pass.
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
        let classes = network.spec().classes();
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
            let remedy = format!("{rows} images are generated at once; ask for fewer");
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

    fn generate(sampler: &mut Sampler<Cpu<f32>>, statistics: Statistics) -> Vec<f32> {
        let noise = sampler.noise(10, 0).unwrap();
        let labels: Vec<u32> = (0..10).collect();
        sampler.generate(statistics, &noise, &labels).flat_map(|images| images.unwrap()).collect()
    }

    #[test]
    fn batch_statistics_leave_running_statistics_unchanged() {
        let mut sampler = sampler(10);
        let running = |sampler: &Sampler<Cpu<f32>>| {
            let statistics = sampler.network.statistics();
            let read = |param| statistics.read(&sampler.device, param).unwrap();
            statistics.list().iter().flat_map(read).collect::<Vec<f32>>()
        };
        let (before, images) = (running(&sampler), generate(&mut sampler, Statistics::Running));
        let batch = generate(&mut sampler, Statistics::Batch);
        assert_ne!(batch, images);
        assert_eq!(generate(&mut sampler, Statistics::Batch), batch);
        assert_eq!(running(&sampler), before);
        assert_eq!(generate(&mut sampler, Statistics::Running), images);
    }

    #[test]
    fn images_do_not_depend_on_the_batch_size_with_running_statistics() {
        let [one_pass, three_passes] =
            [10, 4].map(|rows| generate(&mut sampler(rows), Statistics::Running));
        assert_eq!(one_pass.len(), 10 * 784);
        assert!(one_pass.iter().zip(&three_passes).all(|(a, b)| (a - b).abs() < 1e-6));
        let batch = generate(&mut sampler(4), Statistics::Batch).len();
        assert_eq!((three_passes.len(), batch), (one_pass.len(), one_pass.len()));
    }

    #[test]
    fn noise_does_not_depend_on_the_number_of_rows() {
        let sampler = sampler(1);
        let noise = sampler.noise(7, 3).unwrap();
        assert_eq!(noise[..100], sampler.noise(1, 3).unwrap());
        assert_ne!(noise[..100], sampler.noise(1, 4).unwrap());
    }

    #[test]
    #[should_panic(expected = "labels below 10")]
    fn label_out_of_range_is_refused() {
        let mut sampler = sampler(1);
        let noise = sampler.noise(1, 0).unwrap();
        sampler.generate(Statistics::Running, &noise, &[10]).for_each(drop);
    }
}

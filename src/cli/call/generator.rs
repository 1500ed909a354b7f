//! A trained generator: `gan-cuda sample` without files.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::parse;
use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::{AnyDevice, DeviceArgs};
use crate::cli::error::{Error, Result, refuse};
use crate::cli::images::ImageArgs;
use crate::device::{self, Device};
use crate::gan::sample_grid::standard_grid;
use crate::gan::sampler::{Sampler, Statistics};
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;

/// A generator from a checkpoint, on a device.
pub struct Generator {
    folder: PathBuf,
    iteration: u32,
    config: Config,
    sampler: Box<dyn Sample>,
}

/// The inputs of a generator.
pub struct Inputs {
    /// Noise, (images, latent_dim).
    pub noise: Vec<f32>,
    /// A label for each image; empty if the GAN is not conditional.
    pub labels: Vec<u32>,
}

#[derive(clap::Args)]
struct Args {
    #[command(flatten)]
    checkpoint: CheckpointArgs,
    #[command(flatten)]
    device: DeviceArgs,
}

impl Generator {
    /// Loads the generator of a run or checkpoint. The arguments are those of `gan-cuda sample` that
    /// select the checkpoint and the device.
    ///
    /// # Errors
    /// As the command.
    pub fn load(arguments: impl IntoIterator<Item = OsString>) -> Result<Generator> {
        let args: Args = parse("sample", arguments)?;
        let (folder, checkpoint) = args.checkpoint.load()?;
        let config = snapshot::config(&checkpoint)?;
        let sampler = match args.device.open(config.conv)?.device {
            AnyDevice::Cpu(cpu) => sampler(cpu, &checkpoint, &config)?,
            AnyDevice::Cuda(cuda) => sampler(*cuda, &checkpoint, &config)?,
        };
        Ok(Generator { folder, iteration: snapshot::iteration(&checkpoint)?, config, sampler })
    }

    /// The checkpoint's folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Completed iterations of the checkpoint.
    pub fn iteration(&self) -> u32 {
        self.iteration
    }

    /// The configuration of the run.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// The inputs from which `gan-cuda sample` generates images, with its flags `--count`, `--labels`
    /// and `--seed`.
    ///
    /// # Errors
    /// As the command; when the device fails.
    pub fn inputs(&self, flags: impl IntoIterator<Item = OsString>) -> Result<Inputs> {
        let config = &self.config;
        let args: ImageArgs = parse("sample", flags)?;
        let classes = args.noise.classes(config)?;
        let grid = args.grid(standard_grid(config.sample_grid, &classes));
        let spec = args.spec(config, grid, &classes)?;
        if spec.statistics == Statistics::Batch {
            return refuse("--bn", "must be running; omit it");
        }
        let seed = args.noise.seed.unwrap_or(config.seed);
        let noise = self.sampler.noise(spec.arrangement.count, seed).map_err(crate::Error::from)?;
        Ok(Inputs { noise, labels: spec.arrangement.labels })
    }

    /// Generates an image for each row of noise, batch by batch: (batch, channels, height, width),
    /// from −1 to 1. The iterator runs one pass for each item.
    ///
    /// # Errors
    /// When the noise is not made of rows, or the labels do not fit it; when the device fails.
    pub fn generate<'a>(
        &'a mut self,
        noise: &'a [f32],
        labels: &'a [u32],
    ) -> Result<impl Iterator<Item = Result<Vec<f32>>>> {
        self.check(noise, labels)?;
        let batches = self.sampler.generate(noise, labels);
        Ok(batches.map(|images| images.map_err(Error::from)))
    }

    /// Checks what the engine asserts.
    fn check(&self, noise: &[f32], labels: &[u32]) -> Result<()> {
        let latent_dim = self.config.gan.latent_dim;
        if !noise.len().is_multiple_of(latent_dim) {
            let problem = format!("has {} numbers, but a row has {latent_dim}", noise.len());
            return refuse("noise", problem);
        }
        match self.config.gan.classes {
            Some(classes) => check_labels(labels, classes, noise.len() / latent_dim),
            None if labels.is_empty() => Ok(()),
            None => refuse("labels", "do not apply: the GAN has no classes; omit them"),
        }
    }
}

fn check_labels(labels: &[u32], classes: usize, rows: usize) -> Result<()> {
    if labels.len() != rows {
        return refuse("labels", format!("are {}, but the noise has {rows} rows", labels.len()));
    }
    match labels.iter().find(|&&label| label as usize >= classes) {
        Some(label) => refuse("labels", format!("must be less than {classes}, not {label}")),
        None => Ok(()),
    }
}

/// A sampler on any device.
trait Sample: Send {
    fn noise(&self, rows: usize, seed: u64) -> device::Result<Vec<f32>>;

    fn generate<'a>(
        &'a mut self,
        noise: &'a [f32],
        labels: &'a [u32],
    ) -> Box<dyn Iterator<Item = device::Result<Vec<f32>>> + 'a>;
}

impl<D: Device<Real = f32>> Sample for Sampler<D>
where
    Self: Send,
{
    fn noise(&self, rows: usize, seed: u64) -> device::Result<Vec<f32>> {
        self.noise(rows, seed)
    }

    fn generate<'a>(
        &'a mut self,
        noise: &'a [f32],
        labels: &'a [u32],
    ) -> Box<dyn Iterator<Item = device::Result<Vec<f32>>> + 'a> {
        Box::new(self.generate(Statistics::Running, noise, labels))
    }
}

/// The generator of a checkpoint, with the batch size of `gan-cuda sample`, on which the bits of the
/// images depend.
fn sampler<D: Device<Real = f32>>(
    device: D,
    checkpoint: &Checkpoint,
    config: &Config,
) -> Result<Box<dyn Sample>>
where
    Sampler<D>: Sample + 'static,
{
    Ok(Box::new(snapshot::sampler(device, checkpoint, config, config.gan.batch_size)?))
}

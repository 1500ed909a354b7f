//! Images and their labels as NumPy arrays.

use std::path::PathBuf;

use super::flags::Args;
use super::{Source, Written, write};
use crate::cli::device::AnyDevice;
use crate::cli::error::Result;
use crate::cli::images::ImageSpec;
use crate::device::{Device, Real};
use crate::formats::files::{AtomicFile, check_writable};
use crate::formats::npy::npy_header;
use crate::gan::sample_grid::standard_grid;
use crate::run::config::Config;
use crate::run::snapshot;

/// The images to generate, and the files to write.
pub(super) struct Arrays {
    spec: ImageSpec,
    seed: u64,
    images: PathBuf,
    /// Only if the GAN is conditional.
    labels: Option<PathBuf>,
    /// Why this device was chosen.
    reason: Option<String>,
}

impl Arrays {
    /// What `--numpy` asks for, if it was given, and the device. Checks that the images can be
    /// generated and written.
    pub(super) fn new(args: &Args, config: &Config) -> Result<Option<(Self, AnyDevice)>> {
        let Some(images) = args.files.numpy.clone() else { return Ok(None) };
        let classes = args.images.noise.classes(config)?;
        let grid = args.images.grid(standard_grid(config.sample_grid, &classes));
        let spec = args.images.spec(config, grid, &classes)?;
        let seed = args.images.noise.seed.unwrap_or(config.seed);
        let labels = args.files.labels().filter(|_| config.gan.classes.is_some());
        let chosen = args.device.open(config.conv)?;
        for path in labels.iter().chain([&images]) {
            check_writable(path)?;
        }
        let arrays = Self { spec, seed, images, labels, reason: chosen.reason };
        Ok(Some((arrays, chosen.device)))
    }

    /// Generates and writes the arrays.
    pub(super) fn write(
        &self,
        device: AnyDevice,
        source: &Source,
        verbose: bool,
    ) -> Result<Vec<Written>> {
        let images = match device {
            AnyDevice::Cpu(cpu) => self.write_images(cpu, source, verbose)?,
            AnyDevice::Cuda(cuda) => self.write_images(*cuda, source, verbose)?,
        };
        let mut files = vec![images];
        if let Some(path) = &self.labels {
            let labels = &self.spec.arrangement.labels;
            let mut bytes = npy_header("<i8", &[labels.len()]);
            bytes.extend(labels.iter().flat_map(|&label| i64::from(label).to_le_bytes()));
            files.push(write("labels", path, &bytes)?);
        }
        Ok(files)
    }

    /// Writes images batch by batch: all of them may not fit into memory.
    fn write_images(&self, device: impl Device, source: &Source, verbose: bool) -> Result<Written> {
        let ImageSpec { arrangement, statistics, batch_size } = &self.spec;
        if verbose {
            print_line!("device    {}", device.describe());
            self.reason.iter().for_each(|reason| print_line!("          {reason}"));
            print_line!("images    {}, seed {}", arrangement.count, self.seed);
        }
        let Source { checkpoint, config, .. } = source;
        let mut sampler = snapshot::sampler(device, checkpoint, config, *batch_size)?;
        let noise = sampler.noise(arrangement.count, self.seed)?;
        let image = config.gan.image;
        let extents = [arrangement.count, image.channels, image.height, image.width];
        let header = npy_header("<f4", &extents);
        let mut file = AtomicFile::create(&self.images)?;
        file.write(&header)?;
        for images in sampler.generate(*statistics, &noise, &arrangement.labels) {
            let numbers = images?.into_iter().map(|x| x.to_f64() as f32);
            file.write(&numbers.flat_map(f32::to_le_bytes).collect::<Vec<u8>>())?;
        }
        file.finish()?;
        let numbers: usize = extents.iter().product();
        let bytes = header.len() + size_of::<f32>() * numbers;
        Ok(Written { kind: "images", path: self.images.display().to_string(), bytes })
    }
}

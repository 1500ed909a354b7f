//! `gan-cuda sample`.

mod flags;
mod report;
mod resolve;

use std::fs;
use std::path::{Path, PathBuf};

use gan_cuda::device::cpu::default_threads;
use gan_cuda::device::{Device, Precision, Real};
use gan_cuda::gan::interpolation::interpolate;
use gan_cuda::gan::sampler::Sampler;
use gan_cuda::train::checkpoint::Checkpoint;
use gan_cuda::train::config::Config;
use gan_cuda::train::files::check_writable;
use gan_cuda::train::grid::{Picture, write_grid};
use gan_cuda::train::snapshot;
use gan_cuda::{Error, Result};

use super::device::{AnyDevice, open_device};
use super::json::print_json;
pub use flags::Args;
use resolve::{Noise, Request};

/// Draws.
pub fn run(args: &Args) -> Result<()> {
    let (folder, checkpoint) = args.checkpoint.load()?;
    let config = snapshot::config(&checkpoint)?;
    let request = args.request(&config)?;
    let threads = args.threads.unwrap_or_else(default_threads);
    let chosen = open_device(args.device, Precision::F32, threads, false)?;
    if let Some(out) = &request.out {
        check_writable(out)?;
    }
    if let Some(folder) = &args.output.separate {
        make_empty(folder)?;
    }
    let job = Job { args, folder, checkpoint, config, request, reason: chosen.reason };
    match chosen.device {
        AnyDevice::Cpu(cpu) => job.run(cpu),
        AnyDevice::Cuda(cuda) => job.run(*cuda),
    }
}

/// Makes a folder, or makes sure that nothing is in it: images of two commands must not mix.
fn make_empty(folder: &Path) -> Result<()> {
    fs::create_dir_all(folder).map_err(Error::io("create", folder))?;
    match fs::read_dir(folder).map_err(Error::io("list", folder))?.next() {
        Some(_) => Err(Error::FolderNotEmpty { path: folder.to_owned() }),
        None => Ok(()),
    }
}

/// Images about to be drawn, on whatever device.
struct Job<'a> {
    args: &'a Args,
    folder: PathBuf,
    checkpoint: Checkpoint,
    config: Config,
    request: Request,
    /// Why it is this device.
    reason: Option<String>,
}

impl Job<'_> {
    fn run(self, device: impl Device) -> Result<()> {
        self.banner(&device);
        let report = self.report(&device);
        let Request { drawing, out, .. } = &self.request;
        let mut sampler = snapshot::sampler(device, &self.checkpoint, &self.config, drawing.rows)?;
        let noise = self.noise(&sampler)?;
        let grid = drawing.arrangement.grid;
        let mut picture =
            out.as_ref().map(|_| Picture::new(self.config.gan.image, grid.rows, grid.columns));
        let mut drawn = 0;
        for images in sampler.draw(drawing.statistics, &noise, &drawing.arrangement.labels) {
            let images: Vec<f32> = images?.into_iter().map(|x| x.to_f64() as f32).collect();
            if let Some(picture) = &mut picture {
                picture.draw(drawn, &images);
            }
            drawn += self.write_each(drawn, &images)?;
        }
        if let (Some(picture), Some(out)) = (&picture, out) {
            picture.write(out)?;
        }
        self.farewell(picture.map(|picture| picture.size()));
        if self.args.json { print_json(&report) } else { Ok(()) }
    }

    /// Rows of noise for all images.
    fn noise<D: Device>(&self, sampler: &Sampler<D>) -> Result<Vec<D::Real>> {
        let arrangement = &self.request.drawing.arrangement;
        match self.request.noise {
            Noise::Seed(seed) => sampler.noise(arrangement.count, seed),
            Noise::Between([a, b]) => {
                let ends = [sampler.noise(1, a)?, sampler.noise(1, b)?];
                let (latent, steps) = (self.config.gan.latent, arrangement.grid.columns);
                Ok(interpolate(latent, &ends[0], &ends[1], steps).repeat(arrangement.grid.rows))
            }
        }
    }

    /// Writes images to files of their own, if that was asked for; answers how many there are.
    fn write_each(&self, first: usize, images: &[f32]) -> Result<usize> {
        let shape = self.config.gan.image;
        let count = images.len() / shape.pixels();
        let Some(folder) = &self.args.output.separate else { return Ok(count) };
        for (i, image) in images.chunks_exact(shape.pixels()).enumerate() {
            let number = first + i;
            write_grid(&self.separate(folder, number), image, shape, 1)?;
        }
        Ok(count)
    }

    /// The file of one image.
    fn separate(&self, folder: &Path, number: usize) -> PathBuf {
        folder.join(match self.request.drawing.arrangement.labels.get(number) {
            Some(label) => format!("{number:06}-label-{label}.png"),
            None => format!("{number:06}.png"),
        })
    }

    fn banner(&self, device: &impl Device) {
        if self.args.quiet || self.args.json {
            return;
        }
        say!("gan-cuda {}, preset {}", env!("CARGO_PKG_VERSION"), self.config.preset);
        say!("from      {}", self.folder.display());
        say!("device    {}", device.describe());
        if let Some(reason) = &self.reason {
            say!("          {reason}");
        }
        match (&self.request.noise, self.request.drawing.arrangement.count) {
            (Noise::Seed(seed), count) => say!("images    {count}, seed {seed}"),
            (Noise::Between([a, b]), count) => say!("images    {count}, seed {a} to seed {b}"),
        }
    }

    fn farewell(&self, size: Option<(usize, usize)>) {
        if self.args.quiet || self.args.json {
            return;
        }
        if let (Some(out), Some((width, height))) = (&self.request.out, size) {
            say!("wrote     {}, {width} × {height} pixels", out.display());
        }
        if let Some(folder) = &self.args.output.separate {
            say!(
                "wrote     {} files in {}",
                self.request.drawing.arrangement.count,
                folder.display()
            );
        }
    }
}

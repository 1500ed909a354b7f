//! `gan-cuda sample`.

mod flags;
mod folders;
mod frames;
mod report;
mod resolve;

use std::path::{Path, PathBuf};

use super::device::AnyDevice;
use super::display::print_wrapped;
use super::json::print_json;
use crate::cli::error::Result;
use crate::data::ImageShape;
use crate::device::{Device, Real};
use crate::formats::files::check_writable;
use crate::gan::interpolation::interpolate;
use crate::gan::sampler::Sampler;
use crate::picture::grid::{Picture, write_grid};
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;
pub use flags::Args;
use frames::Frames;
use resolve::{Noise, Out, Request};

/// Generates images.
pub fn run(args: &Args) -> Result<()> {
    let (folder, checkpoint) = args.checkpoint.load()?;
    let config = snapshot::config(&checkpoint)?;
    let request = args.request(&config)?;
    let chosen = args.device.open(config.conv)?;
    args.output.check_folders()?;
    if let Some(out) = &request.out {
        check_writable(out.path())?;
    }
    args.output.create_folders()?;
    let job = Job { args, folder, checkpoint, config, request, reason: chosen.reason };
    match chosen.device {
        AnyDevice::Cpu(cpu) => job.run(cpu),
        AnyDevice::Cuda(cuda) => job.run(*cuda),
    }
}

/// A request, ready to run on any device.
struct Job<'a> {
    args: &'a Args,
    folder: PathBuf,
    checkpoint: Checkpoint,
    config: Config,
    request: Request,
    /// Why this device was chosen.
    reason: Option<String>,
}

impl Job<'_> {
    fn run(self, device: impl Device) -> Result<()> {
        self.banner(&device);
        let report = self.report(&device);
        let spec = &self.request.spec;
        let mut sampler =
            snapshot::sampler(device, &self.checkpoint, &self.config, spec.batch_size)?;
        let noise = self.noise(&sampler)?;
        let mut pictures = self.pictures();
        let mut count = 0;
        for images in sampler.generate(spec.statistics, &noise, &spec.arrangement.labels) {
            let images: Vec<f32> = images?.into_iter().map(|x| x.to_f64() as f32).collect();
            pictures.draw(count, &images, self.config.gan.image);
            count += self.write_separate(count, &images)?;
        }
        self.write(&pictures)?;
        self.print_summary(&pictures);
        if self.args.json { print_json(&report) } else { Ok(()) }
    }

    /// Empty pictures of the requested kinds.
    fn pictures(&self) -> Pictures {
        let (shape, grid) = (self.config.gan.image, self.request.spec.arrangement.grid);
        let out = self.request.out.as_ref();
        let needs_grid = out.is_some_and(|out| matches!(out, Out::Picture(_)));
        let needs_frames =
            out.is_some_and(|out| matches!(out, Out::Gif(_))) || self.args.output.frames.is_some();
        Pictures {
            grid: needs_grid.then(|| Picture::new(shape, grid.rows, grid.columns)),
            frames: needs_frames.then(|| Frames::new(shape, grid)),
        }
    }

    fn write(&self, pictures: &Pictures) -> Result<()> {
        match (&self.request.out, &pictures.grid, &pictures.frames) {
            (Some(Out::Picture(path)), Some(picture), _) => picture.write(path)?,
            (Some(Out::Gif(path)), _, Some(frames)) => {
                frames.write_gif(path, self.args.output.fps)?;
            }
            _ => {}
        }
        match (&self.args.output.frames, &pictures.frames) {
            (Some(folder), Some(frames)) => frames.write_each(folder),
            _ => Ok(()),
        }
    }

    /// The noise vectors of all images.
    fn noise<D: Device>(&self, sampler: &Sampler<D>) -> Result<Vec<D::Real>> {
        let arrangement = &self.request.spec.arrangement;
        match self.request.noise {
            Noise::Seed(seed) => Ok(sampler.noise(arrangement.count, seed)?),
            Noise::Interpolated([a, b]) => {
                let ends = [sampler.noise(1, a)?, sampler.noise(1, b)?];
                let (latent, steps) = (self.config.gan.latent, arrangement.grid.columns);
                Ok(interpolate(latent, &ends[0], &ends[1], steps).repeat(arrangement.grid.rows))
            }
        }
    }

    /// Writes one file per image if `--separate` was given. Returns the number of images.
    fn write_separate(&self, first: usize, images: &[f32]) -> Result<usize> {
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
        folder.join(match self.request.spec.arrangement.labels.get(number) {
            Some(label) => format!("{number:06}-label-{label}.png"),
            None => format!("{number:06}.png"),
        })
    }

    fn banner(&self, device: &impl Device) {
        if self.args.quiet || self.args.json {
            return;
        }
        print_line!("gan-cuda {}, preset {}", env!("CARGO_PKG_VERSION"), self.config.preset);
        print_line!("from      {}", self.folder.display());
        self.args.checkpoint.print_weights(&self.checkpoint);
        print_line!("device    {}", device.describe());
        if let Some(reason) = &self.reason {
            print_line!("          {reason}");
        }
        if let Some(classes) = self.class_names() {
            print_wrapped(&format!("classes   {classes}"));
        }
        match (&self.request.noise, self.request.spec.arrangement.count) {
            (Noise::Seed(seed), count) => print_line!("images    {count}, seed {seed}"),
            (Noise::Interpolated([a, b]), count) => {
                print_line!("images    {count}, seed {a} to seed {b}")
            }
        }
    }

    /// The names of the generated classes, in the order of the grid's rows.
    fn class_names(&self) -> Option<String> {
        let mut labels = self.request.spec.arrangement.labels.clone();
        labels.dedup();
        let name = |label: &u32| self.config.class_names.get(*label as usize);
        let names: Vec<_> = labels.iter().filter_map(name).map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn print_summary(&self, pictures: &Pictures) {
        if self.args.quiet || self.args.json {
            return;
        }
        let arrangement = &self.request.spec.arrangement;
        if let (Some(out), Some((width, height))) = (&self.request.out, pictures.size()) {
            print_line!("wrote     {}, {width} × {height} pixels", out.path().display());
        }
        for (folder, files) in [
            (&self.args.output.separate, arrangement.count),
            (&self.args.output.frames, arrangement.grid.columns),
        ] {
            if let Some(folder) = folder {
                print_line!("wrote     {files} files in {}", folder.display());
            }
        }
    }
}

/// The pictures of all images.
struct Pictures {
    grid: Option<Picture>,
    frames: Option<Frames>,
}

impl Pictures {
    fn draw(&mut self, first: usize, images: &[f32], shape: ImageShape) {
        if let Some(grid) = &mut self.grid {
            grid.draw(first, images);
        }
        if let Some(frames) = &mut self.frames {
            frames.draw(first, images, shape);
        }
    }

    /// Width and height of the picture that `--out` writes.
    fn size(&self) -> Option<(usize, usize)> {
        let grid = self.grid.as_ref().map(Picture::size);
        grid.or_else(|| self.frames.as_ref().map(Frames::size))
    }
}

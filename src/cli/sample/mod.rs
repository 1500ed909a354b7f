//! `gan-cuda sample`.

mod flags;
mod folders;
mod frames;
mod report;
mod resolve;

use std::path::{Path, PathBuf};

use gan_cuda::data::ImageShape;
use gan_cuda::device::{Device, Real};
use gan_cuda::formats::files::check_writable;
use gan_cuda::gan::interpolation::interpolate;
use gan_cuda::gan::sampler::Sampler;
use gan_cuda::picture::grid::{Picture, write_grid};
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::snapshot;

use super::device::AnyDevice;
use super::display::print_wrapped;
use super::json::print_json;
use crate::cli::error::Result;
pub use flags::Args;
use frames::Frames;
use resolve::{Noise, Out, Request};

/// Draws.
pub fn run(args: &Args) -> Result<()> {
    let (folder, checkpoint) = args.checkpoint.load()?;
    let config = snapshot::config(&checkpoint)?;
    let request = args.request(&config)?;
    let chosen = args.place.open(config.conv)?;
    args.output.check_folders()?;
    if let Some(out) = &request.out {
        check_writable(out.path())?;
    }
    args.output.make_folders()?;
    let job = Job { args, folder, checkpoint, config, request, reason: chosen.reason };
    match chosen.device {
        AnyDevice::Cpu(cpu) => job.run(cpu),
        AnyDevice::Cuda(cuda) => job.run(*cuda),
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
        let drawing = &self.request.drawing;
        let mut sampler = snapshot::sampler(device, &self.checkpoint, &self.config, drawing.rows)?;
        let noise = self.noise(&sampler)?;
        let mut pictures = self.pictures();
        let mut drawn = 0;
        for images in sampler.generate(drawing.statistics, &noise, &drawing.arrangement.labels) {
            let images: Vec<f32> = images?.into_iter().map(|x| x.to_f64() as f32).collect();
            pictures.draw(drawn, &images, self.config.gan.image);
            drawn += self.write_each(drawn, &images)?;
        }
        self.write(&pictures)?;
        self.farewell(&pictures);
        if self.args.json { print_json(&report) } else { Ok(()) }
    }

    /// Empty pictures, as they are wanted.
    fn pictures(&self) -> Pictures {
        let (shape, grid) = (self.config.gan.image, self.request.drawing.arrangement.grid);
        let out = self.request.out.as_ref();
        let still = out.is_some_and(|out| matches!(out, Out::Picture(_)));
        let moving =
            out.is_some_and(|out| matches!(out, Out::Gif(_))) || self.args.output.frames.is_some();
        Pictures {
            still: still.then(|| Picture::new(shape, grid.rows, grid.columns)),
            moving: moving.then(|| Frames::new(shape, grid)),
        }
    }

    fn write(&self, pictures: &Pictures) -> Result<()> {
        match (&self.request.out, &pictures.still, &pictures.moving) {
            (Some(Out::Picture(path)), Some(picture), _) => picture.write(path)?,
            (Some(Out::Gif(path)), _, Some(frames)) => {
                frames.write_gif(path, self.args.output.fps)?;
            }
            _ => {}
        }
        match (&self.args.output.frames, &pictures.moving) {
            (Some(folder), Some(frames)) => frames.write_each(folder),
            _ => Ok(()),
        }
    }

    /// Rows of noise for all images.
    fn noise<D: Device>(&self, sampler: &Sampler<D>) -> Result<Vec<D::Real>> {
        let arrangement = &self.request.drawing.arrangement;
        match self.request.noise {
            Noise::Seed(seed) => Ok(sampler.noise(arrangement.count, seed)?),
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
        if let Some(weights) = self.args.checkpoint.generator() {
            say!("weights   {}", weights.display());
        }
        say!("device    {}", device.describe());
        if let Some(reason) = &self.reason {
            say!("          {reason}");
        }
        if let Some(classes) = self.classes_in_words() {
            print_wrapped(&format!("classes   {classes}"));
        }
        match (&self.request.noise, self.request.drawing.arrangement.count) {
            (Noise::Seed(seed), count) => say!("images    {count}, seed {seed}"),
            (Noise::Between([a, b]), count) => say!("images    {count}, seed {a} to seed {b}"),
        }
    }

    /// The names of the classes that are drawn, in the order of the picture's rows.
    fn classes_in_words(&self) -> Option<String> {
        let mut labels = self.request.drawing.arrangement.labels.clone();
        labels.dedup();
        let name = |label: &u32| self.config.class_names.get(*label as usize);
        let names: Vec<_> = labels.iter().filter_map(name).map(String::as_str).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    fn farewell(&self, pictures: &Pictures) {
        if self.args.quiet || self.args.json {
            return;
        }
        let arrangement = &self.request.drawing.arrangement;
        if let (Some(out), Some((width, height))) = (&self.request.out, pictures.size()) {
            say!("wrote     {}, {width} × {height} pixels", out.path().display());
        }
        for (folder, files) in [
            (&self.args.output.separate, arrangement.count),
            (&self.args.output.frames, arrangement.grid.columns),
        ] {
            if let Some(folder) = folder {
                say!("wrote     {files} files in {}", folder.display());
            }
        }
    }
}

/// What shows all images together.
struct Pictures {
    still: Option<Picture>,
    moving: Option<Frames>,
}

impl Pictures {
    fn draw(&mut self, first: usize, images: &[f32], shape: ImageShape) {
        if let Some(picture) = &mut self.still {
            picture.draw(first, images);
        }
        if let Some(frames) = &mut self.moving {
            frames.draw(first, images, shape);
        }
    }

    /// Width and height of the one that is written to a file alone.
    fn size(&self) -> Option<(usize, usize)> {
        let still = self.still.as_ref().map(Picture::size);
        still.or_else(|| self.moving.as_ref().map(Frames::size))
    }
}

//! What the flags mean for the checkpoint at hand.

use std::path::{Path, PathBuf};

use gan_cuda::data::ImageShape;
use gan_cuda::gan::sample_grid::{Grid, standard_grid};
use gan_cuda::picture::grid;
use gan_cuda::run::config::Config;

use super::flags::{Args, OutputArgs};
use super::frames::frame_grid;
use crate::cli::ending::has_ending;
use crate::cli::error::{Result, refuse};
use crate::cli::images::Drawing;

/// The most pixels of a picture.
const MOST_PIXELS: usize = 1 << 27;

/// What will be drawn.
pub(super) struct Request {
    pub(super) drawing: Drawing,
    pub(super) noise: Noise,
    pub(super) out: Option<Out>,
}

/// The file that shows all images.
pub(super) enum Out {
    /// All of them at once.
    Picture(PathBuf),
    /// Step by step.
    Gif(PathBuf),
}

impl Out {
    pub(super) fn path(&self) -> &Path {
        let (Out::Picture(path) | Out::Gif(path)) = self;
        path
    }
}

/// Where the noise comes from.
pub(super) enum Noise {
    /// A row for each image.
    Seed(u64),
    /// In each row of the picture the way from one seed's first row of noise to the other's.
    Between([u64; 2]),
}

impl Args {
    /// What to draw with a checkpoint of this configuration.
    pub(super) fn request(&self, config: &Config) -> Result<Request> {
        let classes = self.images.noise.classes(config)?;
        let standard = standard_grid(config.sample_grid, &classes);
        let (noise, grid) = match (self.picture.interpolate, self.picture.grid) {
            (Some(seeds), _) => {
                let grid = Grid { rows: classes.len().max(1), columns: self.picture.steps };
                (Noise::Between(seeds), grid)
            }
            (None, grid) => {
                let seed = self.images.noise.seed.unwrap_or(config.seed);
                (Noise::Seed(seed), grid.unwrap_or_else(|| self.images.grid(standard)))
            }
        };
        let drawing = self.images.drawing(config, grid, &classes)?;
        let out = self.out()?;
        self.check_size(config.gan.image, grid, out.as_ref())?;
        Ok(Request { drawing, noise, out })
    }

    /// The file of all images, if there is to be one.
    fn out(&self) -> Result<Option<Out>> {
        let OutputArgs { out, separate, frames, .. } = &self.output;
        let path = match out {
            Some(path) => path.as_path(),
            None if separate.is_some() || frames.is_some() => return Ok(None),
            None => Path::new("sample.png"),
        };
        let refused = |problem: &str| refuse("--out", format!("{} {problem}", path.display()));
        match self.picture.interpolate {
            _ if has_ending(path, "png") => Ok(Some(Out::Picture(path.to_owned()))),
            Some(_) if has_ending(path, "gif") => Ok(Some(Out::Gif(path.to_owned()))),
            None if has_ending(path, "gif") => {
                refused("would show one step: a GIF is for --interpolate")
            }
            Some(_) => refused("is neither PNG nor GIF: end the name in .png or .gif"),
            None => refused("is no PNG: end the name in .png"),
        }
    }

    /// Makes sure that the pictures fit into memory.
    fn check_size(&self, image: ImageShape, grid: Grid, out: Option<&Out>) -> Result<()> {
        let check = |flag, grid: Grid, pictures: usize| {
            let (width, height) = grid::size(image, grid.rows, grid.columns);
            let pixels = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(pictures));
            match pixels {
                Some(pixels) if pixels <= MOST_PIXELS => Ok(()),
                _ => too_large(flag, (width, height), pictures),
            }
        };
        match out {
            Some(Out::Picture(_)) => check("--out", grid, 1)?,
            Some(Out::Gif(_)) => check("--out", frame_grid(grid.rows), grid.columns)?,
            None => {}
        }
        match self.output.frames {
            Some(_) => check("--frames", frame_grid(grid.rows), grid.columns),
            None => Ok(()),
        }
    }
}

fn too_large(flag: &'static str, (width, height): (usize, usize), pictures: usize) -> Result<()> {
    let size = match pictures {
        1 => format!("{width} × {height} pixels"),
        _ => format!("{pictures} frames of {width} × {height} pixels"),
    };
    refuse(
        flag,
        format!(
            "would have {size}, more than 134 million; ask for fewer images, or for files of their \
             own with --separate DIR alone"
        ),
    )
}

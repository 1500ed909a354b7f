//! Resolves the flags for a checkpoint.

use std::path::{Path, PathBuf};

use super::flags::{Args, OutputArgs};
use super::frames::frame_grid;
use crate::cli::error::{Result, refuse};
use crate::cli::extension::has_extension;
use crate::cli::images::ImageSpec;
use crate::data::ImageShape;
use crate::gan::sample_grid::{Grid, standard_grid};
use crate::picture::grid;
use crate::run::config::Config;

/// Maximum number of pixels of a picture.
const MAX_PIXELS: usize = 1 << 27;

/// What to generate, and the file to write.
pub(super) struct Request {
    pub(super) spec: ImageSpec,
    pub(super) noise: Noise,
    pub(super) out: Option<Out>,
}

/// The file of `--out`.
pub(super) enum Out {
    /// A grid of all images.
    Picture(PathBuf),
    /// An animation of an interpolation.
    Gif(PathBuf),
}

impl Out {
    pub(super) fn path(&self) -> &Path {
        let (Out::Picture(path) | Out::Gif(path)) = self;
        path
    }
}

/// The noise vectors.
pub(super) enum Noise {
    /// One random vector per image.
    Seed(u64),
    /// In each row of the grid, an interpolation between the first noise vectors of two seeds.
    Interpolated([u64; 2]),
}

impl Args {
    /// Resolves the flags for a checkpoint with this configuration.
    pub(super) fn request(&self, config: &Config) -> Result<Request> {
        let classes = self.images.noise.classes(config)?;
        let standard = standard_grid(config.sample_grid, &classes);
        let (noise, grid) = match (self.picture.interpolate, self.picture.grid) {
            (Some(seeds), _) => {
                let grid = Grid { rows: classes.len().max(1), columns: self.picture.steps };
                (Noise::Interpolated(seeds), grid)
            }
            (None, grid) => {
                let seed = self.images.noise.seed.unwrap_or(config.seed);
                (Noise::Seed(seed), grid.unwrap_or_else(|| self.images.grid(standard)))
            }
        };
        let spec = self.images.spec(config, grid, &classes)?;
        let out = self.out()?;
        self.check_size(config.gan.image, grid, out.as_ref())?;
        Ok(Request { spec, noise, out })
    }

    /// The file of `--out` or its default; `None` if only other files are requested.
    fn out(&self) -> Result<Option<Out>> {
        let OutputArgs { out, separate, frames, .. } = &self.output;
        let path = match out {
            Some(path) => path.as_path(),
            None if separate.is_some() || frames.is_some() => return Ok(None),
            None => Path::new("sample.png"),
        };
        let refused = |problem: &str| refuse("--out", format!("{} {problem}", path.display()));
        match self.picture.interpolate {
            _ if has_extension(path, "png") => Ok(Some(Out::Picture(path.to_owned()))),
            Some(_) if has_extension(path, "gif") => Ok(Some(Out::Gif(path.to_owned()))),
            None if has_extension(path, "gif") => {
                refused("would have a single frame: a GIF needs --interpolate")
            }
            Some(_) => refused("is neither PNG nor GIF: use the extension .png or .gif"),
            None => refused("is not a PNG: use the extension .png"),
        }
    }

    /// Checks that the pictures fit into memory.
    fn check_size(&self, image: ImageShape, grid: Grid, out: Option<&Out>) -> Result<()> {
        let check = |flag, grid: Grid, pictures: usize| {
            let (width, height) = grid::size(image, grid.rows, grid.columns);
            let pixels = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(pictures));
            match pixels {
                Some(pixels) if pixels <= MAX_PIXELS => Ok(()),
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
            "would have {size}, more than the maximum of 134 million; request fewer images, or \
             write one file per image with --separate DIR alone"
        ),
    )
}

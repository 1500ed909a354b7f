//! What the flags mean for the checkpoint at hand.

use std::path::{Path, PathBuf};

use gan_cuda::data::ImageShape;
use gan_cuda::gan::arrangement::standard_grid;
use gan_cuda::gan::preset::Grid;
use gan_cuda::train::config::Config;
use gan_cuda::train::grid;
use gan_cuda::{Error, Result};

use super::flags::{Args, OutputArgs};
use crate::cli::images::Drawing;

/// The most pixels of a picture.
const MOST_PIXELS: usize = 1 << 27;

/// What will be drawn.
pub(super) struct Request {
    pub(super) drawing: Drawing,
    pub(super) noise: Noise,
    pub(super) out: Option<PathBuf>,
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
        let classes = self.images.classes(config)?;
        let standard = standard_grid(config.preset()?, &classes);
        let (noise, grid) = match (self.picture.interpolate, self.picture.grid) {
            (Some(seeds), _) => {
                let grid = Grid { rows: classes.len().max(1), columns: self.picture.steps };
                (Noise::Between(seeds), grid)
            }
            (None, grid) => {
                let seed = self.images.seed.unwrap_or(config.seed);
                (Noise::Seed(seed), grid.unwrap_or_else(|| self.images.grid(standard)))
            }
        };
        let drawing = self.images.drawing(config, grid, &classes)?;
        let out = self.output.picture()?;
        if out.is_some() {
            check_size(config.gan.image, grid)?;
        }
        Ok(Request { drawing, noise, out })
    }
}

impl OutputArgs {
    /// The picture, if there is to be one.
    fn picture(&self) -> Result<Option<PathBuf>> {
        let path = match (&self.out, &self.separate) {
            (Some(path), _) => path.as_path(),
            (None, None) => Path::new("sample.png"),
            (None, Some(_)) => return Ok(None),
        };
        match path.extension() {
            Some(ending) if ending.eq_ignore_ascii_case("png") => Ok(Some(path.to_owned())),
            _ => {
                let problem = format!("{} is no PNG: end the name in .png", path.display());
                Err(Error::Flag { flag: "--out", problem })
            }
        }
    }
}

fn check_size(image: ImageShape, grid: Grid) -> Result<()> {
    let (width, height) = grid::size(image, grid.rows, grid.columns);
    match width.checked_mul(height) {
        Some(pixels) if pixels <= MOST_PIXELS => Ok(()),
        _ => Err(Error::Flag {
            flag: "--out",
            problem: format!(
                "would have {width} × {height} pixels, more than 134 million; ask for fewer \
                 images, or for files of their own with --separate DIR alone"
            ),
        }),
    }
}

//! What the flags mean for the checkpoint at hand.

use std::path::{Path, PathBuf};

use gan_cuda::data::ImageShape;
use gan_cuda::gan::arrangement::{Arrangement, standard_grid};
use gan_cuda::gan::preset::Grid;
use gan_cuda::gan::sampler::Statistics;
use gan_cuda::ranges;
use gan_cuda::train::config::Config;
use gan_cuda::train::grid;
use gan_cuda::{Error, Result};

use super::flags::{Args, ImageArgs, Labels, OutputArgs};

/// The most images that are normalised together: their activations are all in memory at once.
const MOST_TOGETHER: usize = 4096;
/// The most images.
const MOST_IMAGES: usize = ranges::MOST_SAMPLES as usize;
/// The most numbers of noise.
const MOST_NUMBERS: usize = 1 << 26;
/// The most pixels of a picture.
const MOST_PIXELS: usize = 1 << 27;

/// What will be drawn.
pub(super) struct Request {
    pub(super) arrangement: Arrangement,
    pub(super) noise: Noise,
    pub(super) statistics: Statistics,
    /// Images that are drawn at once.
    pub(super) rows: usize,
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
        let arrangement = self.images.arrangement(config)?;
        let statistics = self.images.statistics(config, arrangement.count)?;
        let rows = match statistics {
            Statistics::Running => config.gan.batch_size.min(arrangement.count),
            Statistics::Batch => arrangement.count,
        };
        let noise = match self.images.interpolate {
            Some(seeds) => Noise::Between(seeds),
            None => Noise::Seed(self.images.seed.unwrap_or(config.seed)),
        };
        let out = self.output.picture()?;
        if out.is_some() {
            check_size(config.gan.image, arrangement.grid)?;
        }
        Ok(Request { arrangement, noise, statistics, rows, out })
    }
}

impl ImageArgs {
    fn arrangement(&self, config: &Config) -> Result<Arrangement> {
        let labels = self.labels(config)?;
        let standard = standard_grid(config.preset()?, &labels);
        let grid = match (self.interpolate, self.grid, self.count) {
            (Some(_), ..) => Grid { rows: labels.len().max(1), columns: self.steps },
            (None, Some(grid), _) => grid,
            (None, None, None) => standard,
            (None, None, Some(count)) => around(count, standard.columns),
        };
        let places = grid.rows * grid.columns;
        let count = self.count.unwrap_or(places);
        if count > places {
            let Grid { rows, columns } = grid;
            let problem = format!("{count} is more than --grid {rows}x{columns} has places");
            return Err(Error::Flag { flag: "--count", problem });
        }
        let most = MOST_IMAGES.min(MOST_NUMBERS / config.gan.latent_dim);
        if count > most {
            let problem = format!("would be {count}, but {most} images are the most; name fewer");
            return Err(Error::Flag { flag: "--count", problem });
        }
        Ok(Arrangement::new(grid, count, &labels))
    }

    /// The classes to draw, one after the other; none where the set-up has none.
    fn labels(&self, config: &Config) -> Result<Vec<u32>> {
        let refused = |problem| Err(Error::Flag { flag: "--labels", problem });
        match (&self.labels, config.gan.classes) {
            (None, classes) => Ok((0..classes.unwrap_or(0) as u32).collect()),
            (Some(_), None) => refused(format!(
                "does not fit: preset {} has no classes; leave it out",
                config.preset
            )),
            (Some(Labels(ranges)), Some(classes)) => {
                match ranges.iter().find(|range| *range.end() as usize >= classes) {
                    Some(range) => refused(format!(
                        "has no class {}: the checkpoint has {classes}, 0 to {}",
                        range.end(),
                        classes - 1
                    )),
                    None => Ok(ranges.iter().cloned().flatten().take(MOST_IMAGES).collect()),
                }
            }
        }
    }

    fn statistics(&self, config: &Config, count: usize) -> Result<Statistics> {
        let refused = |problem| Err(Error::Flag { flag: "--bn", problem });
        match (self.bn, config.gan.bn_eps) {
            (None, _) => Ok(Statistics::Running),
            (Some(_), None) => refused(format!(
                "does not fit: preset {} has no BatchNorm; leave it out",
                config.preset
            )),
            (Some(Statistics::Batch), _) if !(2..=MOST_TOGETHER).contains(&count) => {
                refused(format!(
                    "batch normalises all images together: it takes from 2 to 4,096 of them \
                     (--count), not {count}"
                ))
            }
            (Some(statistics), _) => Ok(statistics),
        }
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

/// The rows that so many images take.
fn around(count: usize, columns: usize) -> Grid {
    let columns = columns.min(count);
    Grid { rows: count.div_ceil(columns), columns }
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

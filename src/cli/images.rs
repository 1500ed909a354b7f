//! Which images a trained generator draws: flags, and what they mean for a checkpoint.

use gan_cuda::gan::sample_grid::{Grid, SampleGrid};
use gan_cuda::gan::sampler::Statistics;
use gan_cuda::ranges;
use gan_cuda::run::config::Config;

use super::labels::Labels;
use super::ranges::{choice, within};
use crate::cli::error::{Result, refuse};

/// The most images that are normalised together: their activations are all in memory at once.
const MOST_TOGETHER: usize = 4096;
/// The most images.
const MOST_IMAGES: usize = ranges::MOST_SAMPLES as usize;
/// The most numbers of noise.
const MOST_NUMBERS: usize = 1 << 26;

#[derive(clap::Args)]
pub(super) struct ImageArgs {
    /// Images to draw, up to 100,000 [default: 10 per label, or the preset's grid]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::SAMPLES))]
    pub(super) count: Option<usize>,
    #[command(flatten)]
    pub(super) noise: NoiseArgs,
}

/// What images are made from, and how.
#[derive(clap::Args)]
pub(super) struct NoiseArgs {
    /// Seed of the noise [default: the run's]
    #[arg(long, value_name = "N", value_parser = within::<u64, _>(ranges::SEED))]
    pub(super) seed: Option<u64>,
    /// Classes to draw, by their names or numbers, as cats,dogs or 0-9 or 7,3 [default: all; only
    /// where the preset has classes]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    labels: Option<String>,
    /// What BatchNorm normalises with: the statistics gathered in training, or those of the
    /// images drawn (2 to 4,096, all together) [default: running]
    #[arg(long, value_name = "running|batch", value_parser = choice::<Statistics>(), hide_possible_values = true)]
    bn: Option<Statistics>,
}

/// Images that will be drawn.
pub(super) struct Drawing {
    pub(super) arrangement: SampleGrid,
    pub(super) statistics: Statistics,
    /// Images that are drawn at once.
    pub(super) rows: usize,
}

impl ImageArgs {
    /// As many images as were asked for, in the places of `grid`.
    pub(super) fn drawing(&self, config: &Config, grid: Grid, classes: &[u32]) -> Result<Drawing> {
        let places = grid.rows * grid.columns;
        let count = self.count.unwrap_or(places);
        if count > places {
            let Grid { rows, columns } = grid;
            let problem = format!("{count} is more than --grid {rows}x{columns} has places");
            return refuse("--count", problem);
        }
        let most = MOST_IMAGES.min(MOST_NUMBERS / config.gan.latent_dim);
        if count > most {
            let problem = format!("would be {count}, but {most} images are the most; name fewer");
            return refuse("--count", problem);
        }
        let statistics = self.noise.statistics(config, count)?;
        let rows = match statistics {
            Statistics::Running => config.gan.batch_size.min(count),
            Statistics::Batch => count,
        };
        Ok(Drawing { arrangement: SampleGrid::new(grid, count, classes), statistics, rows })
    }

    /// The standard grid, or as many rows of it as the images take.
    pub(super) fn grid(&self, standard: Grid) -> Grid {
        let Some(count) = self.count else { return standard };
        let columns = standard.columns.min(count);
        Grid { rows: count.div_ceil(columns), columns }
    }
}

impl NoiseArgs {
    /// The classes to draw, one after the other; none where the set-up has none.
    pub(super) fn classes(&self, config: &Config) -> Result<Vec<u32>> {
        let refused = |problem: String| refuse("--labels", problem);
        match (&self.labels, config.gan.classes) {
            (None, classes) => Ok((0..classes.unwrap_or(0) as u32).collect()),
            (Some(_), None) => refused(format!(
                "does not fit: preset {} has no classes; leave it out",
                config.preset
            )),
            (Some(text), Some(classes)) => {
                let labels = Labels { names: &config.class_names, classes };
                labels.of(text).or_else(refused)
            }
        }
    }

    /// Whether some classes were named.
    pub(super) fn asks_for_classes(&self) -> bool {
        self.labels.is_some()
    }

    /// What BatchNorm normalises `count` images with.
    pub(super) fn statistics(&self, config: &Config, count: usize) -> Result<Statistics> {
        let refused = |problem| refuse("--bn", problem);
        match (self.bn, config.model()?.generator().has_batch_norm()) {
            (None, _) => Ok(Statistics::Running),
            (Some(_), false) => {
                refused(format!("does not fit: {} has no BatchNorm; leave it out", config.preset))
            }
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

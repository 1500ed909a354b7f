//! Flags that select the images to generate, resolved for a checkpoint.

use super::labels::Labels;
use super::value_parsers::{choice, within};
use crate::cli::error::{Result, refuse};
use crate::gan::sample_grid::{Grid, SampleGrid};
use crate::gan::sampler::Statistics;
use crate::ranges;
use crate::run::config::Config;

/// Maximum batch size of `--bn batch`: all activations are in memory at once.
const MAX_BATCH: usize = 4096;
/// Maximum number of images.
const MAX_IMAGES: usize = ranges::MAX_SAMPLES as usize;
/// Maximum number of noise values.
const MAX_NOISE_VALUES: usize = 1 << 26;

#[derive(clap::Args)]
pub(super) struct ImageArgs {
    /// Number of images to generate, at most 100,000 [default: 10 per class, or the preset's grid]
    #[arg(long, value_name = "N", value_parser = within::<usize, _>(ranges::SAMPLES))]
    pub(super) count: Option<usize>,
    #[command(flatten)]
    pub(super) noise: NoiseArgs,
}

/// Flags for the generator's inputs and BatchNorm.
#[derive(clap::Args)]
pub(super) struct NoiseArgs {
    /// Seed of the noise [default: the run's seed]
    #[arg(long, value_name = "N", value_parser = within::<u64, _>(ranges::SEED))]
    pub(super) seed: Option<u64>,
    /// Classes to generate, by name or number, e.g. cats,dogs or 0-9 or 7,3; for conditional GANs
    /// only [default: all]
    #[arg(long, value_name = "LIST", allow_hyphen_values = true)]
    labels: Option<String>,
    /// BatchNorm statistics: the running statistics of training, or the statistics of the generated
    /// images as one batch (2 to 4,096 images) [default: running]
    #[arg(long, value_name = "running|batch", value_parser = choice::<Statistics>(), hide_possible_values = true)]
    bn: Option<Statistics>,
}

/// The images to generate.
pub(super) struct ImageSpec {
    pub(super) arrangement: SampleGrid,
    pub(super) statistics: Statistics,
    pub(super) batch_size: usize,
}

impl ImageArgs {
    /// The requested number of images, in the cells of `grid`.
    pub(super) fn spec(&self, config: &Config, grid: Grid, classes: &[u32]) -> Result<ImageSpec> {
        let cells = grid.rows * grid.columns;
        let count = self.count.unwrap_or(cells);
        if count > cells {
            let Grid { rows, columns } = grid;
            let problem = format!("{count} does not fit into --grid {rows}x{columns}");
            return refuse("--count", problem);
        }
        let max = MAX_IMAGES.min(MAX_NOISE_VALUES / config.gan.latent_dim);
        if count > max {
            let problem = format!("would be {count}, but the maximum is {max} images");
            return refuse("--count", problem);
        }
        let statistics = self.noise.statistics(config, count)?;
        let batch_size = match statistics {
            Statistics::Running => config.gan.batch_size.min(count),
            Statistics::Batch => count,
        };
        Ok(ImageSpec { arrangement: SampleGrid::new(grid, count, classes), statistics, batch_size })
    }

    /// The standard grid, with as many rows as the images need.
    pub(super) fn grid(&self, standard: Grid) -> Grid {
        let Some(count) = self.count else { return standard };
        let columns = standard.columns.min(count);
        Grid { rows: count.div_ceil(columns), columns }
    }
}

impl NoiseArgs {
    /// The classes to generate, in order; empty if the GAN is not conditional.
    pub(super) fn classes(&self, config: &Config) -> Result<Vec<u32>> {
        let refused = |problem: String| refuse("--labels", problem);
        match (&self.labels, config.gan.classes) {
            (None, classes) => Ok((0..classes.unwrap_or(0) as u32).collect()),
            (Some(_), None) => {
                refused(format!("does not apply: preset {} has no classes; omit it", config.preset))
            }
            (Some(text), Some(classes)) => {
                let labels = Labels { names: &config.class_names, classes };
                labels.parse(text).or_else(refused)
            }
        }
    }

    /// Whether `--labels` was given.
    pub(super) fn has_labels(&self) -> bool {
        self.labels.is_some()
    }

    /// The BatchNorm statistics for `count` images.
    pub(super) fn statistics(&self, config: &Config, count: usize) -> Result<Statistics> {
        let refused = |problem| refuse("--bn", problem);
        match (self.bn, config.model()?.generator().has_batch_norm()) {
            (None, _) => Ok(Statistics::Running),
            (Some(_), false) => {
                refused(format!("does not apply: {} has no BatchNorm; omit it", config.preset))
            }
            (Some(Statistics::Batch), _) if !(2..=MAX_BATCH).contains(&count) => refused(format!(
                "batch normalises all images as one batch: --count must be from 2 to 4,096, \
                     not {count}"
            )),
            (Some(statistics), _) => Ok(statistics),
        }
    }
}

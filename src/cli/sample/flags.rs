//! The flags of `sample`, as they were given.

use std::path::PathBuf;

use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::DeviceArgs;
use crate::cli::images::ImageArgs;
use crate::cli::value_parsers::{may_be_negative, within};
use crate::gan::sample_grid::Grid;
use crate::ranges::{self, SEED};

/// Flags of `sample`.
#[derive(clap::Args)]
// So that `--seed -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
#[command(after_help = "\
Without flags, sample reproduces the sample grid of training: the same noise, one row per class or \
the preset's grid. The images are divided evenly among the classes and grouped by class.")]
pub struct Args {
    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(super) device: DeviceArgs,
    /// Print errors only
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print only one line of JSON: checkpoint, device, count, seeds, labels and the files written
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json: bool,
    #[command(flatten, next_help_heading = "Images")]
    pub(super) images: ImageArgs,
    #[command(flatten)]
    pub(super) picture: PictureArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// Flags for the arrangement of the images.
#[derive(clap::Args)]
#[command(next_help_heading = "Images")]
pub(super) struct PictureArgs {
    /// Rows and columns of the image grid; all cells are filled unless --count is smaller
    #[arg(long, value_name = "ROWSxCOLS", value_parser = str::parse::<Grid>)]
    pub(super) grid: Option<Grid>,
    /// Interpolate in latent space between the first noise vectors of two seeds, one row per class:
    /// spherical (slerp) for normal noise, linear for uniform noise
    #[arg(long, value_name = "SEED_A:SEED_B", allow_hyphen_values = true, value_parser = seeds, conflicts_with_all = ["count", "seed", "grid"])]
    pub(super) interpolate: Option<[u64; 2]>,
    /// Images per interpolation, both ends included
    #[arg(long, value_name = "N", default_value_t = 10, requires = "interpolate", value_parser = within::<usize, _>(ranges::INTERPOLATION_STEPS))]
    pub(super) steps: usize,
}

/// Flags for the files to write.
#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// Grid of all images as PNG, or with --interpolate an animated GIF that runs forward and back;
    /// an existing file is replaced [default: sample.png, unless --separate or --frames is given]
    #[arg(long, value_name = "FILE.png|FILE.gif")]
    pub(super) out: Option<PathBuf>,
    /// New or empty folder for one file per image: 000000.png, or 000000-label-7.png
    #[arg(long, value_name = "DIR")]
    pub(super) separate: Option<PathBuf>,
    /// New or empty folder for one image grid of all classes per step of --interpolate: 000000.png
    #[arg(long, value_name = "DIR", requires = "interpolate")]
    pub(super) frames: Option<PathBuf>,
    /// Frames per second of the GIF
    #[arg(long, value_name = "N", default_value_t = 10, requires = "interpolate", value_parser = within::<u32, _>(ranges::FRAMES_PER_SECOND))]
    pub(super) fps: u32,
}

fn seeds(text: &str) -> Result<[u64; 2], String> {
    let seed = within::<u64, _>(SEED);
    let seeds = text.split_once(':').and_then(|(a, b)| Some([seed(a).ok()?, seed(b).ok()?]));
    seeds.ok_or_else(|| format!("must be two seeds, e.g. 1:2, each {SEED}"))
}

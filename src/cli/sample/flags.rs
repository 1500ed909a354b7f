//! The flags of `sample`, as they were given.

use std::path::PathBuf;

use gan_cuda::gan::sample_grid::Grid;
use gan_cuda::ranges::{self, SEED};

use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::PlaceArgs;
use crate::cli::images::ImageArgs;
use crate::cli::ranges::{may_be_negative, within};

/// Flags of `sample`.
#[derive(clap::Args)]
// So that `--seed -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative))]
#[command(after_help = "\
Without flags it draws the picture that training draws: the same noise, a row per class or the \
preset's grid. The images are divided evenly among the labels, one label after the other.")]
pub struct Args {
    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(super) place: PlaceArgs,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print nothing but one line of JSON: checkpoint, device, count, seeds, labels and the files
    /// that were written
    #[arg(long, conflicts_with = "quiet")]
    pub(super) json: bool,
    #[command(flatten, next_help_heading = "Images")]
    pub(super) images: ImageArgs,
    #[command(flatten)]
    pub(super) picture: PictureArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs,
}

/// What a picture shows.
#[derive(clap::Args)]
#[command(next_help_heading = "Images")]
pub(super) struct PictureArgs {
    /// Rows and columns of the picture; fills it unless --count says less
    #[arg(long, value_name = "ROWSxCOLS", value_parser = str::parse::<Grid>)]
    pub(super) grid: Option<Grid>,
    /// Draw the way from the first image of one seed to that of another, a row per label:
    /// spherical for normal noise, straight for uniform
    #[arg(long, value_name = "SEED_A:SEED_B", allow_hyphen_values = true, value_parser = seeds, conflicts_with_all = ["count", "seed", "grid"])]
    pub(super) interpolate: Option<[u64; 2]>,
    /// Images on that way, both ends included
    #[arg(long, value_name = "N", default_value_t = 10, requires = "interpolate", value_parser = within::<usize, _>(ranges::STEPS))]
    pub(super) steps: usize,
}

/// Where they go.
#[derive(clap::Args)]
#[command(next_help_heading = "Output")]
pub(super) struct OutputArgs {
    /// One picture of all images, or with --interpolate a GIF that goes the way and back; an older
    /// one is replaced [default: sample.png, unless --separate or --frames is given]
    #[arg(long, value_name = "FILE.png|FILE.gif")]
    pub(super) out: Option<PathBuf>,
    /// A new or empty folder for a file per image: 000000.png, or 000000-label-7.png
    #[arg(long, value_name = "DIR")]
    pub(super) separate: Option<PathBuf>,
    /// A new or empty folder for a picture of all labels per step of --interpolate: 000000.png
    #[arg(long, value_name = "DIR", requires = "interpolate")]
    pub(super) frames: Option<PathBuf>,
    /// Frames a second of a GIF
    #[arg(long, value_name = "N", default_value_t = 10, requires = "interpolate", value_parser = within::<u32, _>(ranges::FRAMES_PER_SECOND))]
    pub(super) fps: u32,
}

fn seeds(text: &str) -> Result<[u64; 2], String> {
    let seed = within::<u64, _>(SEED);
    let seeds = text.split_once(':').and_then(|(a, b)| Some([seed(a).ok()?, seed(b).ok()?]));
    seeds.ok_or_else(|| format!("must be two seeds, as 1:2, each {SEED}"))
}

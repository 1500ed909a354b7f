//! The flags of `export`, as they were given.

use std::path::{Path, PathBuf};

use clap::Arg;
use gan_cuda::run::checkpoint::Checkpoint;

use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::PlaceArgs;
use crate::cli::ending::has_ending;
use crate::cli::error::{Result, refuse};
use crate::cli::images::ImageArgs;
use crate::cli::ranges::may_be_negative;

/// The heading of the flags that say how images are drawn.
const IMAGES: &str = "Images, with --numpy";

/// Flags of `export`.
#[derive(clap::Args)]
// So that `--seed -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative), mut_args(for_numpy))]
// Clap's own line is wider than 80 columns.
#[command(override_usage = "\
    gan-cuda export [OPTIONS] --onnx|--safetensors|--numpy FILE [CHECKPOINT]")]
#[command(after_help = "\
At least one FILE is named; an older one is replaced. Weights are taken as the checkpoint holds \
them. --numpy without other flags writes the images that sample draws.")]
pub struct Args {
    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Say nothing but errors
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten, next_help_heading = IMAGES)]
    pub(super) images: ImageArgs,
    #[command(flatten, next_help_heading = IMAGES)]
    pub(super) place: PlaceArgs,
}

/// What is written.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct FileArgs {
    /// The generator as an ONNX model: noise, and labels where there are classes, to images
    #[arg(long, value_name = "FILE.onnx")]
    pub(super) onnx: Option<PathBuf>,
    /// The generator's weights alone, under PyTorch's names
    #[arg(long, value_name = "FILE.safetensors")]
    pub(super) safetensors: Option<PathBuf>,
    /// Images as a NumPy array of f32 from -1 to 1, (N, channels, height, width); where there are
    /// classes, their labels beside it as FILE-labels.npy, i64
    #[arg(long, value_name = "FILE.npy")]
    pub(super) numpy: Option<PathBuf>,
}

/// A flag about images makes no sense without images.
fn for_numpy(flag: Arg) -> Arg {
    match flag.get_help_heading() {
        Some(IMAGES) => flag.requires("numpy"),
        _ => flag,
    }
}

impl FileArgs {
    /// Makes sure that each file may bear its name. With an ending for each kind no two of them are
    /// the same file.
    pub(super) fn check(&self) -> Result<()> {
        for (flag, path, ending) in [
            ("--onnx", &self.onnx, "onnx"),
            ("--safetensors", &self.safetensors, "safetensors"),
            ("--numpy", &self.numpy, "npy"),
        ] {
            if let Some(path) = path {
                check_name(flag, path, ending)?;
            }
        }
        Ok(())
    }

    /// Where labels go: `digits-labels.npy` beside `digits.npy`.
    pub(super) fn labels(&self) -> Option<PathBuf> {
        let images = self.numpy.as_deref()?;
        let mut name = images.file_stem()?.to_owned();
        name.push("-labels.npy");
        Some(images.with_file_name(name))
    }
}

fn check_name(flag: &'static str, path: &Path, ending: &str) -> Result<()> {
    let place = path.display();
    if !has_ending(path, ending) {
        return refuse(flag, format!("{place} has another ending: end the name in .{ending}"));
    }
    if path.parent().is_some_and(Checkpoint::is_complete_at) {
        return refuse(flag, format!("{place} would lie in a checkpoint: name another folder"));
    }
    Ok(())
}

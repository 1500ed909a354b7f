//! The flags of `export`, as they were given.

use std::path::{Path, PathBuf};

use crate::cli::checkpoint::CheckpointArgs;
use crate::cli::device::DeviceArgs;
use crate::cli::error::{Result, refuse};
use crate::cli::extension::has_extension;
use crate::cli::images::ImageArgs;
use crate::cli::value_parsers::may_be_negative;
use crate::run::checkpoint::Checkpoint;
use clap::Arg;

/// The heading of the flags for generated images.
const IMAGES: &str = "Images (with --numpy)";

/// Flags of `export`.
#[derive(clap::Args)]
// So that `--seed -1` is a number out of range and not an unknown flag.
#[command(mut_args(may_be_negative), mut_args(for_numpy))]
// Clap's own line is wider than 80 columns.
#[command(override_usage = "\
    gan-cuda export [OPTIONS] --onnx|--html|--pytorch|… FILE [CHECKPOINT]")]
#[command(after_help = "\
Give at least one FILE; an existing file is replaced. Weights are exported unchanged, except \
that --html rounds them to 16 bits. --numpy without other image flags writes the same images as \
sample.")]
pub struct Args {
    #[command(flatten)]
    pub(super) checkpoint: CheckpointArgs,
    #[command(flatten)]
    pub(super) files: FileArgs,
    /// Print errors only
    #[arg(short, long)]
    pub(super) quiet: bool,
    /// Print the result as one line of JSON
    #[arg(long)]
    pub(super) json: bool,
    #[command(flatten, next_help_heading = IMAGES)]
    pub(super) images: ImageArgs,
    #[command(flatten, next_help_heading = IMAGES)]
    pub(super) device: DeviceArgs,
}

/// The files to write.
#[derive(clap::Args)]
#[group(required = true, multiple = true)]
pub(super) struct FileArgs {
    /// Write the generator as an ONNX model: its inputs are noise and, if conditional, labels
    #[arg(long, value_name = "FILE.onnx")]
    pub(super) onnx: Option<PathBuf>,
    /// Write the generator as a web page that runs it in the browser: one file, which needs no
    /// network
    #[arg(long, value_name = "FILE.html")]
    pub(super) html: Option<PathBuf>,
    /// Write only the generator's weights, with the keys of PyTorch's state_dict
    #[arg(long, value_name = "FILE.safetensors")]
    pub(super) safetensors: Option<PathBuf>,
    /// Write both networks as a Python script: PyTorch modules that load the checkpoint and sample
    /// the same images
    #[arg(long, value_name = "FILE.py")]
    pub(super) pytorch: Option<PathBuf>,
    /// Write images as a NumPy array of shape (N, channels, height, width), f32 in [-1, 1]; if the
    /// GAN is conditional, also their labels as FILE-labels.npy, i64
    #[arg(long, value_name = "FILE.npy")]
    pub(super) numpy: Option<PathBuf>,
}

/// Makes the image flags require `--numpy`.
fn for_numpy(flag: Arg) -> Arg {
    match flag.get_help_heading() {
        Some(IMAGES) => flag.requires("numpy"),
        _ => flag,
    }
}

impl FileArgs {
    /// Checks the name of each file. Each format has its own extension, so no two names are equal.
    pub(super) fn check(&self) -> Result<()> {
        for (flag, path, extension) in [
            ("--onnx", &self.onnx, "onnx"),
            ("--html", &self.html, "html"),
            ("--safetensors", &self.safetensors, "safetensors"),
            ("--pytorch", &self.pytorch, "py"),
            ("--numpy", &self.numpy, "npy"),
        ] {
            if let Some(path) = path {
                check_name(flag, path, extension)?;
            }
        }
        Ok(())
    }

    /// The file of the labels: `digits-labels.npy` next to `digits.npy`.
    pub(super) fn labels(&self) -> Option<PathBuf> {
        let images = self.numpy.as_deref()?;
        let mut name = images.file_stem()?.to_owned();
        name.push("-labels.npy");
        Some(images.with_file_name(name))
    }
}

fn check_name(flag: &'static str, path: &Path, extension: &str) -> Result<()> {
    let name = path.display();
    if !has_extension(path, extension) {
        let problem = format!("{name} has the wrong extension: use .{extension}");
        return refuse(flag, problem);
    }
    if path.parent().is_some_and(Checkpoint::is_complete_at) {
        let problem = format!("{name} would be inside a checkpoint: choose another folder");
        return refuse(flag, problem);
    }
    Ok(())
}

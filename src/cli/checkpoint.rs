//! The checkpoint argument of a command.

use std::path::{Path, PathBuf};

use crate::cli::error::Result;
use crate::device::cpu::Cpu;
use crate::gan::Role;
use crate::run::checkpoint::Checkpoint;
use crate::run::dir::RunDir;
use crate::run::{initial_weights, snapshot};
use clap::ValueHint;

#[derive(clap::Args)]
pub(super) struct CheckpointArgs {
    /// Checkpoint folder, or run folder to use its newest checkpoint [default: the newest run]
    #[arg(value_name = "CHECKPOINT", value_hint = ValueHint::DirPath)]
    checkpoint: Option<PathBuf>,
    /// Folder with the runs, used if no CHECKPOINT is given
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath, conflicts_with = "checkpoint")]
    runs_dir: PathBuf,
    /// Use these generator weights instead of the checkpoint's: a PyTorch state_dict in safetensors
    /// format
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    generator: Option<PathBuf>,
    /// Use the generator's weights as they were trained, not their moving average (of runs with
    /// --ema)
    #[arg(long, conflicts_with = "generator")]
    raw: bool,
}

impl CheckpointArgs {
    /// Loads the checkpoint and returns it with its folder.
    pub(super) fn load(&self) -> Result<(PathBuf, Checkpoint)> {
        let (folder, mut checkpoint) = self.load_newest()?;
        if self.raw || self.generator.is_some() {
            checkpoint.average = None;
        }
        if let Some(path) = &self.generator {
            let model = snapshot::config(&checkpoint)?.model()?;
            checkpoint.generator =
                initial_weights::open::<Cpu<f32>>(path, &model, Role::Generator)?;
        }
        Ok((folder, checkpoint))
    }

    /// Prints which weights are used, unless they are a checkpoint's only ones.
    pub(super) fn print_weights(&self, checkpoint: &Checkpoint) {
        if let Some(path) = self.generator() {
            print_line!("weights   {}", path.display());
        } else if checkpoint.average.is_some() {
            print_line!("weights   the moving average (others: --raw)");
        }
    }

    /// The file of weights that replaces the checkpoint's generator.
    pub(super) fn generator(&self) -> Option<&Path> {
        self.generator.as_deref()
    }

    /// Retries if a running training has just replaced its newest checkpoint by a newer one.
    fn load_newest(&self) -> Result<(PathBuf, Checkpoint)> {
        loop {
            let folder = self.folder()?;
            match Checkpoint::load(&folder) {
                Err(_) if !folder.exists() => continue,
                loaded => return Ok((folder, loaded?)),
            }
        }
    }

    /// The folder of the given checkpoint, or of the newest one of the run.
    fn folder(&self) -> Result<PathBuf> {
        let run = match &self.checkpoint {
            Some(path) if Checkpoint::is_at(path) => return Ok(path.clone()),
            Some(path) => match RunDir::open(path)? {
                (run, Some(iteration)) => return Ok(run.checkpoint(iteration)),
                (run, None) => run,
            },
            None => RunDir::newest(&self.runs_dir)?,
        };
        Ok(run.checkpoint(run.newest_checkpoint()?))
    }
}

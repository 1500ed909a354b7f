//! The checkpoint that a command is about.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::gan::Role;
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::dir::RunDir;
use gan_cuda::run::{initial_weights, snapshot};

use crate::cli::error::Result;

#[derive(clap::Args)]
pub(super) struct CheckpointArgs {
    /// A checkpoint folder, or a run folder for its newest [default: the newest run]
    #[arg(value_name = "CHECKPOINT", value_hint = ValueHint::DirPath)]
    checkpoint: Option<PathBuf>,
    /// Folder of run folders, where no CHECKPOINT is named
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath, conflicts_with = "checkpoint")]
    runs_dir: PathBuf,
    /// Weights of the generator, in place of the checkpoint's: PyTorch's state_dict as safetensors
    #[arg(long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    generator: Option<PathBuf>,
}

impl CheckpointArgs {
    /// The checkpoint, and its folder.
    pub(super) fn load(&self) -> Result<(PathBuf, Checkpoint)> {
        let (folder, mut checkpoint) = self.load_whole()?;
        if let Some(path) = &self.generator {
            let model = snapshot::config(&checkpoint)?.model()?;
            checkpoint.generator =
                initial_weights::open::<Cpu<f32>>(path, &model, Role::Generator)?;
        }
        Ok((folder, checkpoint))
    }

    /// The file of weights that the generator has in place of the checkpoint's.
    pub(super) fn generator(&self) -> Option<&Path> {
        self.generator.as_deref()
    }

    /// A run in training may have put a newer checkpoint in the place of what was just its newest.
    fn load_whole(&self) -> Result<(PathBuf, Checkpoint)> {
        loop {
            let folder = self.folder()?;
            match Checkpoint::load(&folder) {
                Err(_) if !folder.exists() => continue,
                loaded => return Ok((folder, loaded?)),
            }
        }
    }

    /// The checkpoint that was named, or the newest of the run that was.
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

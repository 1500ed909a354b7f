//! What a run begins from: nothing, a checkpoint of its own, or another run's.

use std::path::{Path, PathBuf};

use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::{LaterFiles, RunDir};
use gan_cuda::run::lock::RunLock;
use gan_cuda::run::{self, snapshot};
use gan_cuda::text::folder_name;
use gan_cuda::train::trainer::expect_same_training;

use super::flags::Args;
use super::resolve::absolute;
use crate::cli::error::{Result, refuse};

/// What a run begins from.
pub(super) enum Start {
    /// Fresh networks, in a new folder.
    Anew,
    /// A checkpoint of the run that goes on, and what the run has of later iterations.
    Run { run: RunDir, lock: Option<RunLock>, checkpoint: Checkpoint, later: LaterFiles },
    /// A checkpoint of another run, or one that lies in no run's folder; in a new folder.
    Branch { checkpoint: Checkpoint, folder: PathBuf, alone: bool },
}

/// The checkpoint that `--resume` names, open and whole: it may be deleted from now on.
pub(super) struct Found {
    /// None for a checkpoint folder that lies in no run's.
    run: Option<RunDir>,
    lock: Option<RunLock>,
    folder: PathBuf,
    checkpoint: Checkpoint,
}

impl Found {
    /// Finds it, and keeps other processes from a run that goes on. A run that another one branches
    /// off from is only read, and may be training.
    pub(super) fn find(args: &Args, path: Option<&Path>) -> Result<Found> {
        let (run, iteration) = match path {
            None => (RunDir::newest(&args.output.runs_dir)?, None),
            Some(path) => match RunDir::open(path) {
                Err(run::Error::NotARun { .. }) if Checkpoint::is_at(path) => {
                    let (folder, checkpoint) = (absolute(path)?, Checkpoint::load(path)?);
                    return Ok(Found { run: None, lock: None, folder, checkpoint });
                }
                opened => opened?,
            },
        };
        let lock = match args.dry_run || args.output.branch {
            true => None,
            false => {
                let lock = run.lock()?;
                run.clean()?;
                Some(lock)
            }
        };
        let iteration = match iteration {
            Some(iteration) => iteration,
            None => run.newest_checkpoint()?,
        };
        let folder = run.checkpoint(iteration);
        let checkpoint = Checkpoint::load(&folder)?;
        Ok(Found { run: Some(run), lock, folder: absolute(&folder)?, checkpoint })
    }

    /// What the run was told, or at least its checkpoint.
    pub(super) fn config(&self) -> Result<Config> {
        Ok(match &self.run {
            Some(run) => Config::read(&run.config())?,
            None => snapshot::config(&self.checkpoint)?,
        })
    }

    /// Makes sure that a run of this configuration can begin here, which it then remembers.
    pub(super) fn start(self, args: &Args, config: &mut Config) -> Result<Start> {
        let Found { run, lock, folder, checkpoint } = self;
        match run {
            Some(run) if !args.output.branch => {
                if args.output.name.is_some() {
                    return refuse("--name", "is for a new run, as --branch begins one");
                }
                expect_same_training(&checkpoint, config)?;
                let later = run.after(snapshot::iteration(&checkpoint)?.into())?;
                if !later.checkpoints.is_empty() && !args.output.force {
                    return refuse_to_remove(&folder, &later);
                }
                Ok(Start::Run { run, lock, checkpoint, later })
            }
            run => {
                snapshot::expect_networks(&checkpoint, config)?;
                config.branched_from = Some(folder.clone());
                Ok(Start::Branch { checkpoint, folder, alone: run.is_none() })
            }
        }
    }
}

fn refuse_to_remove<T>(folder: &Path, later: &LaterFiles) -> Result<T> {
    refuse(
        "--resume",
        format!(
            "{} would remove what the run has after it: {}; give --force to let it go, or --branch \
             for a new run that leaves this one as it is",
            folder_name(folder),
            in_words(later)
        ),
    )
}

/// What goes when a run goes on from an older checkpoint.
pub(super) fn in_words(later: &LaterFiles) -> String {
    let mut parts: Vec<_> =
        later.checkpoints.iter().map(|iteration| format!("checkpoint-{iteration:06}")).collect();
    match later.samples.len() {
        0 => {}
        1 => parts.push("1 sample grid".to_owned()),
        count => parts.push(format!("{count} sample grids")),
    }
    format!("{}, and later lines of log.txt, stats.jsonl and for TensorBoard", parts.join(", "))
}

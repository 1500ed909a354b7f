//! The starting point of a run: new networks, its own checkpoint, or the checkpoint of another run.

use std::path::{Path, PathBuf};

use super::flags::Args;
use super::resolve::absolute;
use crate::cli::error::{Result, refuse};
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::dir::{LaterFiles, RunDir};
use crate::run::lock::RunLock;
use crate::run::{self, snapshot};
use crate::text::folder_name;
use crate::train::trainer::expect_same_training;

/// The starting point of a run.
pub(super) enum Start {
    /// New networks in a new run folder.
    New,
    /// A checkpoint of the resumed run, and what the run wrote after it.
    Run { run: RunDir, lock: Option<RunLock>, checkpoint: Checkpoint, later: LaterFiles },
    /// A checkpoint of another run, or one outside of a run folder; in a new run folder.
    Branch { checkpoint: Checkpoint, folder: PathBuf, standalone: bool },
}

/// The checkpoint of `--resume`. Its files are open, so they may be deleted from now on.
pub(super) struct ResumePoint {
    /// `None` for a checkpoint outside of a run folder.
    run: Option<RunDir>,
    lock: Option<RunLock>,
    folder: PathBuf,
    checkpoint: Checkpoint,
}

impl ResumePoint {
    /// Finds the checkpoint and locks a run to be resumed. A run to branch off from is only read,
    /// so it may be training.
    pub(super) fn find(args: &Args, path: Option<&Path>) -> Result<ResumePoint> {
        let (run, iteration) = match path {
            None => (RunDir::newest(&args.output.runs_dir)?, None),
            Some(path) => match RunDir::open(path) {
                Err(run::Error::NotARun { .. }) if Checkpoint::is_at(path) => {
                    let (folder, checkpoint) = (absolute(path)?, Checkpoint::load(path)?);
                    return Ok(ResumePoint { run: None, lock: None, folder, checkpoint });
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
        Ok(ResumePoint { run: Some(run), lock, folder: absolute(&folder)?, checkpoint })
    }

    /// The configuration of the run, or of the checkpoint if there is no run.
    pub(super) fn config(&self) -> Result<Config> {
        Ok(match &self.run {
            Some(run) => Config::read(&run.config())?,
            None => snapshot::config(&self.checkpoint)?,
        })
    }

    /// Checks that a run with this configuration can start here; a branch stores the folder in it.
    pub(super) fn start(self, args: &Args, config: &mut Config) -> Result<Start> {
        let ResumePoint { run, lock, folder, checkpoint } = self;
        match run {
            Some(run) if !args.output.branch => {
                if args.output.name.is_some() {
                    return refuse("--name", "is for new runs only; add --branch to start one");
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
                Ok(Start::Branch { checkpoint, folder, standalone: run.is_none() })
            }
        }
    }
}

fn refuse_to_remove<T>(folder: &Path, later: &LaterFiles) -> Result<T> {
    refuse(
        "--resume",
        format!(
            "{} would remove what the run wrote after it: {}; add --force to remove it, or \
             --branch to start a new run and leave this one unchanged",
            folder_name(folder),
            describe(later)
        ),
    )
}

/// What resuming from an older checkpoint removes.
pub(super) fn describe(later: &LaterFiles) -> String {
    let mut parts: Vec<_> =
        later.checkpoints.iter().map(|iteration| format!("checkpoint-{iteration:06}")).collect();
    match later.samples.len() {
        0 => {}
        1 => parts.push("1 sample grid".to_owned()),
        count => parts.push(format!("{count} sample grids")),
    }
    format!("{}, and later entries of log.txt, stats.jsonl and event files", parts.join(", "))
}

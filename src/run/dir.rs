//! A run folder, such as `runs/00003-cgan-mnist/`: its number, its name, and where things are in it.
//!
//! | path | holds |
//! |---|---|
//! | `config.toml` | every setting, resolved; a folder with this file is a run |
//! | `log.txt`, `stats.jsonl` | what was printed, and the same as records: [`crate::run::journal`] |
//! | `samples/000400.png`, `reals.png` | [`crate::picture::grid`] |
//! | `loss.png` | [`crate::picture::plot`] |
//! | `events.out.tfevents.…` | [`crate::formats::events`] |
//! | `progress.gif` | [`crate::picture::replay`] |
//! | `checkpoint-000938/` | [`crate::run::checkpoint`] |
//!
//! A name that ends in `.tmp` is being written or deleted: readers ignore it, and
//! [`RunDir::clean`] removes it before a run goes on.

mod later;
mod names;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use tracing::{debug, info};

use crate::file_error::FileError;
use crate::formats::files::{self, TEMPORARY, names_in, with_ending};
use crate::run::lock::{Holder, RunLock};
use crate::run::{Error, Result};
pub use later::Later;
pub use names::{check_name, default_name};
use names::{checkpoint_iteration, checkpoint_name, run_number};

const CONFIG: &str = "config.toml";
/// A checkpoint that makes room for a new one of the same iteration.
pub(crate) const REPLACED: &str = ".old.tmp";

/// A run folder; a path and no more, so it is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Makes the next run folder below `runs_dir` (made too if need be): `00003-name`, where 3 is
    /// one more than the highest number there. Folders not named like runs do not count.
    ///
    /// Processes that do this at once get different numbers; nothing is ever overwritten.
    ///
    /// # Errors
    /// [`Error::Name`] for an empty name, one that is not a single folder's, or too long; else I/O.
    pub fn create(runs_dir: &Path, name: &str) -> Result<RunDir> {
        check_name(name)?;
        fs::create_dir_all(runs_dir).map_err(FileError::at("create", runs_dir))?;
        // Names may differ, so create_dir alone would not keep numbers apart. A file system
        // without locks still refuses the same folder twice.
        let _lock = File::open(runs_dir).and_then(|folder| folder.lock().map(|()| folder));
        let mut number = runs(runs_dir)?.last().map_or(0, |(highest, _)| highest + 1);
        loop {
            let path = runs_dir.join(format!("{number:05}-{name}"));
            match fs::create_dir(&path) {
                Ok(()) => {
                    let run = RunDir { path };
                    let samples = run.samples();
                    fs::create_dir(&samples).map_err(FileError::at("create", &samples))?;
                    return Ok(run);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(error) => return Err(FileError::at("create", &path)(error).into()),
            }
        }
    }

    /// Makes sure, as far as can be told without making one, that [`RunDir::create`] can.
    ///
    /// # Errors
    /// When no folder can be made below what is there of `runs_dir`.
    pub fn check_creatable(runs_dir: &Path) -> Result<()> {
        let there = runs_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
        files::check_writable(&there.join("run"))
            .map_err(|error| Error::File(FileError::at("create", runs_dir)(error.source)))
    }

    /// Opens a run by its folder, or by a checkpoint folder in it: then the checkpoint's iteration
    /// comes too. Only looks; call [`RunDir::clean`] before writing.
    ///
    /// # Errors
    /// [`Error::NoSuch`] and [`Error::NotARun`], which say what is missing.
    pub fn open(path: &Path) -> Result<(RunDir, Option<u64>)> {
        if !path.exists() {
            return Err(Error::NoSuch { path: path.to_owned() });
        }
        let path = named(path)?;
        let checkpoint = path.file_name().and_then(|name| checkpoint_iteration(name.to_str()?));
        let run = match checkpoint {
            Some(_) => RunDir { path: files::folder_of(&path).to_owned() },
            None => RunDir { path },
        };
        run.check()?;
        Ok((run, checkpoint))
    }

    /// The run with the highest number below `runs_dir`. A folder without a `config.toml` is none:
    /// its process was killed before it began.
    ///
    /// # Errors
    /// [`Error::NoRuns`] when there is none.
    pub fn newest(runs_dir: &Path) -> Result<RunDir> {
        let runs = RunDir::all(runs_dir)?;
        let newest = runs.into_iter().rfind(|run| run.config().is_file());
        newest.ok_or_else(|| Error::NoRuns { path: runs_dir.to_owned() })
    }

    /// The runs below `runs_dir`, by their numbers, with those that never came to their
    /// `config.toml`.
    ///
    /// # Errors
    /// [`Error::NoRuns`] when the folder is not there; when it cannot be listed.
    pub fn all(runs_dir: &Path) -> Result<Vec<RunDir>> {
        match runs_dir.is_dir() {
            true => Ok(runs(runs_dir)?.into_iter().map(|(_, path)| RunDir { path }).collect()),
            false => Err(Error::NoRuns { path: runs_dir.to_owned() }),
        }
    }

    fn check(&self) -> Result<()> {
        let problem = match () {
            () if !self.path.is_dir() => "is a file",
            () if !self.config().is_file() => "has no config.toml",
            () => return Ok(()),
        };
        Err(Error::NotARun { path: self.path.clone(), problem })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`: every setting of the run.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `log.txt`: the lines that were printed.
    pub fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// `stats.jsonl`: [`crate::formats::records`], one per line.
    pub fn stats(&self) -> PathBuf {
        self.path.join("stats.jsonl")
    }

    /// `samples/`: one grid of generated images per sampling step.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// `samples/000400.png`: the grid of one iteration.
    pub fn sample(&self, iteration: u64) -> PathBuf {
        self.samples().join(format!("{iteration:06}.png"))
    }

    /// The iterations that there are grids of, ascending.
    ///
    /// # Errors
    /// When the folder is there and cannot be listed.
    pub fn sample_iterations(&self) -> Result<Vec<u64>> {
        let names = match self.samples().is_dir() {
            true => names_in(&self.samples())?,
            false => Vec::new(),
        };
        let iteration = |name: &String| name.strip_suffix(".png")?.parse::<u64>().ok();
        let mut iterations: Vec<u64> = names.iter().filter_map(iteration).collect();
        iterations.retain(|&iteration| self.sample(iteration).is_file());
        iterations.sort_unstable();
        Ok(iterations)
    }

    /// The sample grids with their iterations, first to last: one or more.
    ///
    /// # Errors
    /// [`Error::NoSamples`]; when the folder cannot be listed.
    pub fn sample_files(&self) -> Result<Vec<(u64, PathBuf)>> {
        let iterations = self.sample_iterations()?.into_iter();
        let files: Vec<_> = iterations.map(|done| (done, self.sample(done))).collect();
        match files.is_empty() {
            true => Err(Error::NoSamples { path: self.samples() }),
            false => Ok(files),
        }
    }

    /// `progress.gif`: the grids one after the other, once they were joined.
    pub fn progress(&self) -> PathBuf {
        self.path.join("progress.gif")
    }

    /// `reals.png`: a grid of images from the data set.
    pub fn reals(&self) -> PathBuf {
        self.path.join("reals.png")
    }

    /// `loss.png`: losses, samples and scores over the iterations.
    pub fn loss_plot(&self) -> PathBuf {
        self.path.join("loss.png")
    }

    /// `checkpoint-000938/`: the checkpoint of one iteration, whether it is there or not.
    pub fn checkpoint(&self, iteration: u64) -> PathBuf {
        self.path.join(checkpoint_name(iteration))
    }

    /// The iterations of the complete checkpoints, ascending.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub fn checkpoints(&self) -> Result<Vec<u64>> {
        let names = names_in(&self.path)?;
        let mut iterations: Vec<u64> =
            names.iter().filter_map(|name| checkpoint_iteration(name)).collect();
        iterations.retain(|&iteration| self.checkpoint(iteration).is_dir());
        iterations.sort_unstable();
        Ok(iterations)
    }

    /// The last complete checkpoint's iteration.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] when there is none.
    pub fn newest_checkpoint(&self) -> Result<u64> {
        let none = || Error::NoCheckpoint { path: self.path.clone() };
        self.checkpoints()?.last().copied().ok_or_else(none)
    }

    /// Deletes the oldest checkpoints until `keep` are left, and the best one if it is among the
    /// older; `keep` = 0 deletes all others.
    ///
    /// # Errors
    /// When a folder cannot be deleted.
    pub fn prune(&self, keep: usize, best: Option<u64>) -> Result<()> {
        let mut oldest = self.checkpoints()?;
        oldest.truncate(oldest.len().saturating_sub(keep));
        oldest.retain(|&iteration| best != Some(iteration));
        if !oldest.is_empty() {
            debug!(?oldest, keep, "checkpoints make room");
        }
        for iteration in oldest {
            files::remove_folder(&self.checkpoint(iteration))?;
        }
        Ok(())
    }

    /// Keeps other processes from writing to this run until the answer is dropped.
    ///
    /// # Errors
    /// [`Error::Locked`] when another one is at it.
    pub fn lock(&self) -> Result<RunLock> {
        RunLock::take(&self.lock_file())
    }

    /// Who holds the lock now; only looks.
    pub fn holder(&self) -> Holder {
        Holder::of(&self.lock_file())
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join(".lock")
    }

    /// Readies the folder for a run that goes on: removes what a killed process left half-written
    /// (names ending in `.tmp`), and brings back a checkpoint that was set aside for one that
    /// never came. Call it under [`RunDir::lock`].
    ///
    /// # Errors
    /// When something cannot be deleted.
    pub fn clean(&self) -> Result<()> {
        self.restore_replaced()?;
        let samples = self.samples();
        fs::create_dir_all(&samples).map_err(FileError::at("create", &samples))?;
        for folder in [self.path.as_path(), &samples] {
            for name in names_in(folder)?.iter().filter(|name| name.ends_with(TEMPORARY)) {
                info!(name, "left half-written by a process that was killed, removed");
                files::remove_if_there(&folder.join(name))?;
            }
        }
        Ok(())
    }

    fn restore_replaced(&self) -> Result<()> {
        for name in names_in(&self.path)? {
            let Some(iteration) = name.strip_suffix(REPLACED).and_then(checkpoint_iteration) else {
                continue;
            };
            let (old, new) = (self.path.join(&name), self.checkpoint(iteration));
            if !new.exists() {
                fs::rename(&old, &new).map_err(FileError::at("rename", &old))?;
            }
        }
        Ok(())
    }
}

/// Where a checkpoint waits while another one takes its place.
pub(crate) fn replaced(checkpoint: &Path) -> PathBuf {
    with_ending(checkpoint, REPLACED)
}

/// The run folders below `runs_dir` with their numbers, ascending.
fn runs(runs_dir: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let numbered = |name: &String| Some((run_number(name)?, runs_dir.join(name)));
    let mut runs: Vec<_> = names_in(runs_dir)?.iter().filter_map(numbered).collect();
    runs.retain(|(_, path)| path.is_dir());
    runs.sort();
    Ok(runs)
}

/// The same folder by a path that ends in its name and has a parent: `.` does not.
fn named(path: &Path) -> Result<PathBuf, FileError> {
    match (path.file_name(), path.parent()) {
        (Some(_), Some(parent)) if !parent.as_os_str().is_empty() => Ok(path.to_owned()),
        _ => fs::canonicalize(path).map_err(FileError::at("open", path)),
    }
}

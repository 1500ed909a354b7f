//! Run folders, such as `runs/00003-cgan-mnist/`: numbers, names, and paths of their files.
//!
//! | path | holds |
//! |---|---|
//! | `config.toml` | every setting, resolved; a folder with this file is a run |
//! | `log.txt`, `stats.jsonl` | the log for people and for programs: [`crate::run::journal`] |
//! | `samples/000400.png`, `reals.png` | [`crate::picture::grid`] |
//! | `loss.png` | [`crate::picture::plot`] |
//! | `events.out.tfevents.…` | [`crate::formats::events`] |
//! | `progress.gif` | [`crate::picture::replay`] |
//! | `checkpoint-000938/` | [`crate::run::checkpoint`] |
//!
//! A name with the suffix `.tmp` is being written or deleted: readers ignore it, and
//! [`RunDir::clean`] removes it before a run is resumed.

mod later;
mod names;
mod numbered;

use std::fs;
use std::path::{Path, PathBuf};

use tracing::{debug, info};

use crate::file_error::FileError;
use crate::formats::files::{self, TEMPORARY, names_in, with_suffix};
use crate::run::lock::{LockState, RunLock};
use crate::run::{Error, Result};
pub use later::LaterFiles;
pub use names::{check_name, default_name};
use names::{checkpoint_iteration, checkpoint_name};
pub(super) use numbered::create_numbered;
use numbered::numbered;

const CONFIG: &str = "config.toml";
pub(super) const LOCK: &str = ".lock";
/// The file that makes a folder a [set of runs](crate::run::set).
pub(super) const SET: &str = "set.toml";
/// Suffix of a checkpoint that is being replaced by one of the same iteration.
pub(crate) const REPLACED: &str = ".old.tmp";

/// A run folder. Only a path, so it is cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunDir {
    path: PathBuf,
}

impl RunDir {
    /// Creates the next run folder in `runs_dir` (which is created, too, if necessary):
    /// `00003-name`, where 3 is one more than the highest existing number. Folders whose names do
    /// not match are ignored.
    ///
    /// Concurrent processes get different numbers; nothing is ever overwritten.
    ///
    /// # Errors
    /// [`Error::InvalidName`] for a name that is empty, too long, or not a single path component;
    /// I/O.
    pub fn create(runs_dir: &Path, name: &str) -> Result<RunDir> {
        let run = RunDir { path: create_numbered(runs_dir, name)? };
        let samples = run.samples();
        fs::create_dir(&samples).map_err(FileError::at("create", &samples))?;
        Ok(run)
    }

    /// Deletes everything in the folder except the configuration: the run begins again.
    ///
    /// # Errors
    /// If something cannot be deleted.
    pub fn clear(&self) -> Result<()> {
        for name in names_in(&self.path)?.iter().filter(|name| *name != CONFIG && *name != LOCK) {
            files::remove_if_exists(&self.path.join(name))?;
        }
        let samples = self.samples();
        Ok(fs::create_dir(&samples).map_err(FileError::at("create", &samples))?)
    }

    /// Checks, without creating anything, whether [`RunDir::create`] can succeed.
    ///
    /// # Errors
    /// If no folder can be created in the deepest existing ancestor of `runs_dir`.
    pub fn check_creatable(runs_dir: &Path) -> Result<()> {
        let existing = runs_dir.ancestors().find(|path| path.exists()).unwrap_or(Path::new("."));
        files::check_writable(&existing.join("run"))
            .map_err(|error| Error::File(FileError::at("create", runs_dir)(error.source)))
    }

    /// Opens a run, given its folder or a checkpoint folder in it; for a checkpoint its iteration
    /// is returned, too. Read-only: call [`RunDir::clean`] before writing.
    ///
    /// # Errors
    /// [`Error::NotFound`] and [`Error::NotARun`].
    pub fn open(path: &Path) -> Result<(RunDir, Option<u64>)> {
        if !path.exists() {
            return Err(Error::NotFound { path: path.to_owned() });
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

    /// The run with the highest number in `runs_dir`; of a set of runs, that with the highest number
    /// in the set. A folder without `config.toml` does not count: its process was killed before the
    /// run started.
    ///
    /// # Errors
    /// [`Error::NoRuns`] if there is none.
    pub fn newest(runs_dir: &Path) -> Result<RunDir> {
        match RunDir::newest_or_set(runs_dir)? {
            run if run.is_set() => RunDir::newest(run.path()),
            run => Ok(run),
        }
    }

    /// The run or the set of runs with the highest number in `runs_dir`.
    ///
    /// # Errors
    /// [`Error::NoRuns`] if there is none.
    pub fn newest_or_set(runs_dir: &Path) -> Result<RunDir> {
        let runs = RunDir::all(runs_dir)?;
        let newest = runs.into_iter().rfind(|run| run.is_set() || run.config().is_file());
        newest.ok_or_else(|| Error::NoRuns { path: runs_dir.to_owned() })
    }

    /// Whether the folder is a set of runs instead of a run.
    pub fn is_set(&self) -> bool {
        self.path.join(SET).is_file()
    }

    /// The folder of the set of runs that it belongs to.
    pub fn set(&self) -> Option<PathBuf> {
        let parent = fs::canonicalize(&self.path).ok()?.parent()?.to_owned();
        parent.join(SET).is_file().then_some(parent)
    }

    /// All runs in `runs_dir` by number, including sets of runs and folders without `config.toml`.
    ///
    /// # Errors
    /// [`Error::NoRuns`] if the folder does not exist; I/O if it cannot be listed.
    pub fn all(runs_dir: &Path) -> Result<Vec<RunDir>> {
        match runs_dir.is_dir() {
            true => Ok(numbered(runs_dir)?.into_iter().map(|(_, path)| RunDir { path }).collect()),
            false => Err(Error::NoRuns { path: runs_dir.to_owned() }),
        }
    }

    fn check(&self) -> Result<()> {
        let problem = match () {
            () if !self.path.is_dir() => "is a file",
            () if self.is_set() => "is a set of runs, which are the folders in it",
            () if !self.config().is_file() => "has no config.toml",
            () => return Ok(()),
        };
        Err(Error::NotARun { path: self.path.clone(), problem })
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `config.toml`: the configuration.
    pub fn config(&self) -> PathBuf {
        self.path.join(CONFIG)
    }

    /// `log.txt`: the printed lines.
    pub fn log(&self) -> PathBuf {
        self.path.join("log.txt")
    }

    /// `stats.jsonl`: log entries, see [`crate::formats::stats`].
    pub fn stats(&self) -> PathBuf {
        self.path.join("stats.jsonl")
    }

    /// `samples/`: the sample grids.
    pub fn samples(&self) -> PathBuf {
        self.path.join("samples")
    }

    /// `samples/000400.png`: the sample grid of one iteration.
    pub fn sample(&self, iteration: u64) -> PathBuf {
        self.samples().join(format!("{iteration:06}.png"))
    }

    /// The iterations that have sample grids, ascending.
    ///
    /// # Errors
    /// If the folder exists and cannot be listed.
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

    /// The sample grids with their iterations, ascending; at least one.
    ///
    /// # Errors
    /// [`Error::NoSamples`]; if the folder cannot be listed.
    pub fn sample_files(&self) -> Result<Vec<(u64, PathBuf)>> {
        let iterations = self.sample_iterations()?.into_iter();
        let files: Vec<_> =
            iterations.map(|iteration| (iteration, self.sample(iteration))).collect();
        match files.is_empty() {
            true => Err(Error::NoSamples { path: self.samples() }),
            false => Ok(files),
        }
    }

    /// `progress.gif`: the animation of the sample grids.
    pub fn progress(&self) -> PathBuf {
        self.path.join("progress.gif")
    }

    /// `reals.png`: a grid of real images.
    pub fn real_images(&self) -> PathBuf {
        self.path.join("reals.png")
    }

    /// `loss.png`: plots of losses, sample statistics and scores.
    pub fn loss_plot(&self) -> PathBuf {
        self.path.join("loss.png")
    }

    /// `checkpoint-000938/`: the checkpoint of one iteration, which may not exist.
    pub fn checkpoint(&self, iteration: u64) -> PathBuf {
        self.path.join(checkpoint_name(iteration))
    }

    /// The iterations of all complete checkpoints, ascending.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn checkpoints(&self) -> Result<Vec<u64>> {
        let names = names_in(&self.path)?;
        let mut iterations: Vec<u64> =
            names.iter().filter_map(|name| checkpoint_iteration(name)).collect();
        iterations.retain(|&iteration| self.checkpoint(iteration).is_dir());
        iterations.sort_unstable();
        Ok(iterations)
    }

    /// The iteration of the newest complete checkpoint.
    ///
    /// # Errors
    /// [`Error::NoCheckpoint`] if there is none.
    pub fn newest_checkpoint(&self) -> Result<u64> {
        let none = || Error::NoCheckpoint { path: self.path.clone() };
        self.checkpoints()?.last().copied().ok_or_else(none)
    }

    /// Deletes old checkpoints: keeps the `keep` newest ones and the `best` one.
    ///
    /// # Errors
    /// If a folder cannot be deleted.
    pub fn prune(&self, keep: usize, best: Option<u64>) -> Result<()> {
        let mut oldest = self.checkpoints()?;
        oldest.truncate(oldest.len().saturating_sub(keep));
        oldest.retain(|&iteration| best != Some(iteration));
        if !oldest.is_empty() {
            debug!(?oldest, keep, "deleting old checkpoints");
        }
        for iteration in oldest {
            files::remove_folder(&self.checkpoint(iteration))?;
        }
        Ok(())
    }

    /// Locks the run until the returned lock is dropped.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process holds the lock.
    pub fn lock(&self) -> Result<RunLock> {
        RunLock::take(&self.lock_file())
    }

    /// The state of the lock; read-only.
    pub fn lock_state(&self) -> LockState {
        LockState::of(&self.lock_file())
    }

    fn lock_file(&self) -> PathBuf {
        self.path.join(LOCK)
    }

    /// Prepares the folder for resuming: removes incomplete files of a killed process (suffix
    /// `.tmp`), and restores a checkpoint that was renamed for a replacement that was never
    /// completed. Call it while holding [`RunDir::lock`].
    ///
    /// # Errors
    /// If something cannot be deleted.
    pub fn clean(&self) -> Result<()> {
        self.restore_replaced()?;
        let samples = self.samples();
        fs::create_dir_all(&samples).map_err(FileError::at("create", &samples))?;
        for folder in [self.path.as_path(), &samples] {
            for name in names_in(folder)?.iter().filter(|name| name.ends_with(TEMPORARY)) {
                info!(name, "removed an incomplete file of a killed process");
                files::remove_if_exists(&folder.join(name))?;
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

/// The temporary name of a checkpoint that is being replaced.
pub(crate) fn replaced(checkpoint: &Path) -> PathBuf {
    with_suffix(checkpoint, REPLACED)
}

/// The same folder as a path that has a file name and a parent, unlike `.`.
fn named(path: &Path) -> Result<PathBuf, FileError> {
    match (path.file_name(), path.parent()) {
        (Some(_), Some(parent)) if !parent.as_os_str().is_empty() => Ok(path.to_owned()),
        _ => fs::canonicalize(path).map_err(FileError::at("open", path)),
    }
}

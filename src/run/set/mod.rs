//! Sets of runs that differ in some settings, such as `runs/00003-cgan-mnist/`: a folder with a run
//! folder for each.
//!
//! | path | holds |
//! |---|---|
//! | `set.toml` | the names of the settings that differ, and their values in each run; a folder with this file is a set |
//! | `00000-seed=0/` … | the runs: [`crate::run::dir`] |
//! | `summary.md` | losses and scores of all runs, their mean and standard deviation: [`summary`] |
//! | `summary.png` | their curves |
//!
//! All run folders are created with the set, each with its `config.toml`, so that a run that has not
//! begun when the process ends can begin when the set is resumed.

pub mod summary;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::file_error::FileError;
use crate::formats::files::write_atomic;
use crate::run::config::{Config, config_text};
use crate::run::dir::{LOCK, RunDir, SET, create_numbered, default_name};
use crate::run::lock::RunLock;
use crate::run::{Error, Result};
use crate::text::folder_name;

/// The setting whose values are other random numbers, not other GANs.
pub const SEED: &str = "seed";

/// A set of runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunSet {
    path: PathBuf,
    keys: Vec<String>,
    members: Vec<Member>,
}

/// A run of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// The values of the settings that differ, in the order of [`RunSet::keys`].
    pub values: Vec<String>,
    /// Its folder.
    pub run: RunDir,
}

/// `set.toml`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SetFile {
    keys: Vec<String>,
    runs: Vec<Row>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    folder: String,
    values: Vec<String>,
}

impl RunSet {
    /// Creates the next folder in `runs_dir` (see [`RunDir::create`]) with folders for runs of these
    /// values and configurations.
    ///
    /// # Errors
    /// [`Error::InvalidName`]; I/O. Nothing is left behind.
    pub fn create(
        runs_dir: &Path,
        name: &str,
        keys: Vec<String>,
        runs: &[(Vec<String>, Config)],
    ) -> Result<RunSet> {
        let path = create_numbered(runs_dir, name)?;
        let created = Self::fill(path.clone(), keys, runs);
        if created.is_err() {
            let _ = fs::remove_dir_all(path);
        }
        created
    }

    fn fill(path: PathBuf, keys: Vec<String>, runs: &[(Vec<String>, Config)]) -> Result<RunSet> {
        let mut members = Vec::new();
        for (values, config) in runs {
            let run = RunDir::create(&path, &default_name(&label(&keys, values)))?;
            write_atomic(&run.config(), config.to_text()?.as_bytes())?;
            members.push(Member { values: values.clone(), run });
        }
        let set = RunSet { path, keys, members };
        // The last file: a folder without it is no set.
        let text = toml::to_string(&set.file()).map_err(config_text)?;
        write_atomic(&set.path.join(SET), text.as_bytes())?;
        Ok(set)
    }

    fn file(&self) -> SetFile {
        let row = |member: &Member| Row {
            folder: folder_name(member.run.path()),
            values: member.values.clone(),
        };
        SetFile { keys: self.keys.clone(), runs: self.members.iter().map(row).collect() }
    }

    /// Whether a folder is a set.
    pub fn is_at(path: &Path) -> bool {
        path.join(SET).is_file()
    }

    /// Opens a set. Runs whose folders were deleted are no longer part of it.
    ///
    /// # Errors
    /// I/O; [`Error::SetFile`] if `set.toml` is damaged.
    pub fn open(path: &Path) -> Result<RunSet> {
        let file = path.join(SET);
        let text = fs::read_to_string(&file).map_err(FileError::at("read", &file))?;
        let damaged = |source| Error::SetFile { path: file.clone(), source };
        let SetFile { keys, runs } = toml::from_str(&text).map_err(damaged)?;
        let mut members = Vec::new();
        for Row { folder, values } in runs {
            let path = path.join(folder);
            if path.exists() {
                members.push(Member { values, run: RunDir::open(&path)?.0 });
            }
        }
        Ok(RunSet { path: path.to_owned(), keys, members })
    }

    /// Locks the set until the returned lock is dropped: only one process resumes it.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process holds the lock.
    pub fn lock(&self) -> Result<RunLock> {
        RunLock::take(&self.path.join(LOCK))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// `summary.md`: losses and scores of all runs.
    pub fn summary(&self) -> PathBuf {
        self.path.join("summary.md")
    }

    /// `summary.png`: their curves.
    pub fn plot(&self) -> PathBuf {
        self.path.join("summary.png")
    }

    /// The settings that differ.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// The runs.
    pub fn members(&self) -> &[Member] {
        &self.members
    }

    /// The settings of a run that differ: `lr=1e-4,seed=3`.
    pub fn label(&self, member: &Member) -> String {
        label(&self.keys, &member.values)
    }

    /// The same without the seed; empty if nothing else differs.
    pub fn setting(&self, member: &Member) -> String {
        let differ = self.keys.iter().zip(&member.values).filter(|(key, _)| *key != SEED);
        joined(differ)
    }
}

/// `lr=1e-4,seed=3`.
pub fn label(keys: &[String], values: &[String]) -> String {
    joined(keys.iter().zip(values))
}

fn joined<'a>(pairs: impl Iterator<Item = (&'a String, &'a String)>) -> String {
    pairs.map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(",")
}

//! Errors of run folders.

use std::path::PathBuf;

use super::checkpoint::CheckpointProblem;
use super::config::ConfigProblem;
use crate::file_error::FileError;
use crate::gan::metrics::NotFinite;
use crate::gan::model::ModelProblem;
use crate::{device, formats};

/// What can go wrong with run folders and their files.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be accessed.
    #[error(transparent)]
    File(#[from] FileError),

    /// A file has an invalid format.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// A checkpoint cannot be used.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointProblem),

    /// The layers of the networks do not fit.
    #[error(transparent)]
    Model(#[from] ModelProblem),

    /// Weights to be saved are not finite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),

    /// A device fails while networks are copied.
    #[error(transparent)]
    Device(#[from] device::Error),

    /// A run's name is not a valid folder name.
    #[error("run name {name:?} {problem}; use letters, digits and '-', as in cgan-mnist")]
    InvalidName {
        /// The given name.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// The given run or checkpoint does not exist.
    #[error("no such run or checkpoint: {path}")]
    NotFound {
        /// The given path.
        path: PathBuf,
    },

    /// There is no run, so there is no newest one.
    #[error("no runs in {path}; train one first, or name another folder of runs")]
    NoRuns {
        /// The folder of runs.
        path: PathBuf,
    },

    /// The given path is not a run folder.
    #[error(
        "{path} is not a run folder: it {problem}; name one such as runs/00003-cgan-mnist, or a \
         checkpoint folder in it"
    )]
    NotARun {
        /// The given path.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A run has no checkpoint from which to resume.
    #[error(
        "no complete checkpoint in {path}: the run has not reached its first, or ended before it; \
         name another run, or start a new one"
    )]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },

    /// Another process is training the run.
    #[error("{} is training in {path}; wait for it, or stop it", owner(process))]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// The process ID, if known.
        process: Option<u32>,
    },

    /// A run has no sample grids.
    #[error("{path} has no samples")]
    NoSamples {
        /// The `samples` folder of the run.
        path: PathBuf,
    },

    /// A configuration has no data set.
    #[error("{name} has no default data set: name a folder of images")]
    NoDataset {
        /// Name of the GAN.
        name: String,
    },

    /// A `config.toml` cannot be parsed.
    #[error("{path} is not a valid GAN configuration")]
    Config {
        /// The file.
        path: PathBuf,
        /// The TOML parser's error.
        source: toml::de::Error,
    },

    /// The `set.toml` of a set of runs cannot be parsed.
    #[error("{path} is not a valid list of runs; name the folders in it one by one")]
    SetFile {
        /// The file.
        path: PathBuf,
        /// The TOML parser's error.
        source: toml::de::Error,
    },

    /// A `config.toml` has an invalid value.
    #[error("cannot use {path}")]
    ConfigValue {
        /// The file.
        path: PathBuf,
        /// The value, and what is accepted.
        source: ConfigProblem,
    },

    /// A configuration cannot be written as TOML.
    #[error("cannot write the configuration as TOML: {problem}")]
    ConfigText {
        /// The TOML serializer's message.
        problem: String,
    },
}

/// A result whose error is this module's [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// The process that holds the lock, for a message.
fn owner(process: &Option<u32>) -> String {
    process.map_or("another process".to_owned(), |number| format!("process {number}"))
}

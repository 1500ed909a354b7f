//! Why a run cannot be begun, found, read or gone on with.

use std::path::PathBuf;

use super::checkpoint::CheckpointProblem;
use super::config::ConfigProblem;
use crate::file_error::FileError;
use crate::gan::metrics::NotFinite;
use crate::gan::model::ModelProblem;
use crate::{device, formats};

/// What can go wrong with run folders and what is in them.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses a file or folder.
    #[error(transparent)]
    File(#[from] FileError),

    /// A file is not what it should be.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// A checkpoint cannot be taken.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointProblem),

    /// Networks cannot be trained.
    #[error(transparent)]
    Model(#[from] ModelProblem),

    /// Weights that would be saved are no numbers.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),

    /// A device fails while networks are copied.
    #[error(transparent)]
    Device(#[from] device::Error),

    /// A run's name is no folder's name.
    #[error("run name {name:?} {problem}; take letters, digits and '-', as in cgan-mnist")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A run was named that is not there.
    #[error("no such run or checkpoint: {path}")]
    NoSuch {
        /// What was given.
        path: PathBuf,
    },

    /// The newest run was asked for where there is none.
    #[error("no runs in {path}; train one first, or name the folder that holds them")]
    NoRuns {
        /// The folder of runs.
        path: PathBuf,
    },

    /// Something was named as a run that is none.
    #[error(
        "{path} is not a run folder: it {problem}; name one such as runs/00003-cgan-mnist, or a \
         checkpoint folder in it"
    )]
    NotARun {
        /// What was given.
        path: PathBuf,
        /// What is missing.
        problem: &'static str,
    },

    /// A run has no checkpoint to go on from.
    #[error(
        "no complete checkpoint in {path}: the run has not come to its first, or ended before; \
         name another run, or begin one"
    )]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },

    /// Another process writes to the run.
    #[error("{} is training in {path}; wait for it, or stop it", owner(process))]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// The process's number, where that can be told.
        process: Option<u32>,
    },

    /// A run has no sample grids.
    #[error("{path} has no samples")]
    NoSamples {
        /// `samples/` of the run.
        path: PathBuf,
    },

    /// A configuration leaves open on which images it trains.
    #[error("{name} has no data set of its own: name a folder of images")]
    NoDataset {
        /// Name of the GAN.
        name: String,
    },

    /// A `config.toml` cannot be understood.
    #[error("{path} is no configuration of a GAN")]
    Config {
        /// The file.
        path: PathBuf,
        /// The TOML reader's word.
        source: toml::de::Error,
    },

    /// A `config.toml` has a value that no run can have.
    #[error("cannot use {path}")]
    ConfigValue {
        /// The file.
        path: PathBuf,
        /// Which, and what may stand there.
        source: ConfigProblem,
    },

    /// A configuration cannot be written as TOML.
    #[error("cannot write the configuration as TOML: {problem}")]
    ConfigText {
        /// The TOML writer's word.
        problem: String,
    },
}

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who holds a run.
fn owner(process: &Option<u32>) -> String {
    process.map_or("another process".to_owned(), |number| format!("process {number}"))
}

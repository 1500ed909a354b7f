//! What can be wrong with a run folder.

use std::path::PathBuf;

/// Why a run cannot be begun, found or gone on with.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunProblem {
    /// A run's name is no folder's name.
    #[error("run name {name:?} {problem}; take letters, digits and '-', as in cgan-mnist")]
    Name {
        /// What was given.
        name: String,
        /// What is wrong with it.
        problem: &'static str,
    },

    /// A run was named that is not there.
    #[error("no such run or checkpoint: {path}", path = path.display())]
    NoSuch {
        /// What was given.
        path: PathBuf,
    },

    /// The newest run was asked for where there is none.
    #[error("no runs in {path}; train one first, or name the folder that holds them", path = path.display())]
    NoRuns {
        /// The folder of runs.
        path: PathBuf,
    },

    /// Something was named as a run that is none.
    #[error(
        "{path} is not a run folder: it {problem}; name one such as runs/00003-cgan-mnist, or a \
         checkpoint folder in it",
        path = path.display()
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
         name another run, or begin one",
        path = path.display()
    )]
    NoCheckpoint {
        /// The run folder.
        path: PathBuf,
    },

    /// Another process writes to the run.
    #[error("{} is training in {path}; wait for it, or stop it", owner(process), path = path.display())]
    Locked {
        /// The run folder.
        path: PathBuf,
        /// The process's number, where that can be told.
        process: Option<u32>,
    },
}

/// Who holds a run.
fn owner(process: &Option<u32>) -> String {
    process.map_or("another process".to_owned(), |number| format!("process {number}"))
}

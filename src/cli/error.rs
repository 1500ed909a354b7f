//! What goes wrong between the command line and the engine, and how it is said.

use std::io;
use std::path::PathBuf;

use gan_cuda::gan::preset;
use gan_cuda::text::with_causes;

use super::advice::advice;

/// Whatever a command ends with that is not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag was given that the set-up or the command cannot honour.
    #[error("{flag} {problem}")]
    Flag {
        /// The flag, as `--dropout`.
        flag: &'static str,
        /// Why not, and what to do.
        problem: String,
    },

    /// A flag was given that would change what a run that goes on learns.
    #[error(
        "{flag} would change the training of a run that goes on; leave it out, or begin a new run"
    )]
    OtherTraining {
        /// The flag, as `--lr`.
        flag: String,
    },

    /// A flag has a value that the set-up cannot have, or not with the others.
    #[error("{flag} is {value}, but must be {expected}")]
    FlagValue {
        /// The flag, as `--dropout`.
        flag: String,
        /// What was given.
        value: String,
        /// What may be given, in words.
        expected: String,
    },

    /// A set-up was named that is not in the table.
    #[error("no preset {name:?}; there are {}", preset::names())]
    NoSuchPreset {
        /// What was given.
        name: String,
    },

    /// Something was named to draw that is neither in the table nor on the disk.
    #[error(
        "no preset, run or checkpoint {name:?}; presets are {}, a run is a folder such as \
         runs/00000-cgan-mnist",
        preset::names()
    )]
    NothingToDraw {
        /// What was given.
        name: String,
    },

    /// A folder that images would go into has something in it.
    #[error("{path} is not empty; name a new folder, or an empty one")]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },

    /// The system does not let this process hear of Ctrl-C.
    #[error("cannot listen for Ctrl-C and SIGTERM")]
    Signals {
        /// The operating system's word.
        source: io::Error,
    },

    /// The engine's.
    #[error(transparent)]
    Engine(Box<gan_cuda::Error>),
}

/// A result whose error is the program's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Refuses a flag: `problem` goes on from its name.
pub fn refuse<T>(flag: &'static str, problem: impl Into<String>) -> Result<T> {
    Err(Error::Flag { flag, problem: problem.into() })
}

impl<E: Into<gan_cuda::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Error::Engine(Box::new(error.into()))
    }
}

impl Error {
    /// The message, those of its causes, and what to do.
    pub fn in_words(&self) -> String {
        let words = with_causes(self);
        let advice = match self {
            Error::Engine(error) => advice(error),
            _ => None,
        };
        match advice {
            Some(advice) => format!("{}; {advice}", words.trim_end()),
            None => words.trim_end().to_owned(),
        }
    }

    /// Whether it lies in what was typed.
    pub fn is_usage(&self) -> bool {
        use Error::{Flag, FlagValue, NoSuchPreset, OtherTraining};
        matches!(self, Flag { .. } | FlagValue { .. } | NoSuchPreset { .. } | OtherTraining { .. })
    }
}

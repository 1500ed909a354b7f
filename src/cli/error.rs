//! Errors of the program, and how they are printed.

use std::io;
use std::path::PathBuf;

use super::advice::advice;
use crate::gan::preset;
use crate::ranges::OutOfRange;
use crate::text::with_causes;
use crate::{data, run};

/// An error of a command.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag that does not fit the preset, the checkpoint or the command.
    #[error("{flag} {problem}")]
    Flag {
        /// The flag, e.g. `--dropout`.
        flag: String,
        /// The problem, and what to do.
        problem: String,
    },

    /// Arguments that a command does not have, or with invalid values.
    #[error("{problem}")]
    Arguments {
        /// The problem, in clap's words.
        problem: String,
    },

    /// There is no preset with the given name.
    #[error("no preset {name:?}; the presets are {}", preset::names())]
    NoSuchPreset {
        /// The given name.
        name: String,
    },

    /// The argument of `graph` is neither a preset nor an existing path.
    #[error(
        "no preset, file, run or checkpoint {name:?}; the presets are {}; a run is a folder such \
         as runs/00000-cgan-mnist",
        preset::names()
    )]
    NothingToDraw {
        /// The given name.
        name: String,
    },

    /// The output folder of images is not empty.
    #[error("{path} is not empty; give a new or empty folder")]
    FolderNotEmpty {
        /// The folder.
        path: PathBuf,
    },

    /// The signal handlers cannot be installed.
    #[error("cannot listen for Ctrl-C, SIGTERM and other signals")]
    Signals {
        /// The operating system's error.
        source: io::Error,
    },

    /// Standard output cannot be written.
    #[error("cannot write to standard output")]
    Output {
        /// The operating system's error.
        source: io::Error,
    },

    /// This rank trains differently from rank 0.
    #[error("{key} differs from that of rank 0; start all ranks with the same arguments")]
    OtherConfig {
        /// The key of the value that differs, such as `gan.lr`.
        key: String,
    },

    /// A rank has other images than rank 0.
    #[error("the images of rank {rank} are not those of rank 0, which are {origin}")]
    OtherImages {
        /// The rank.
        rank: usize,
        /// Where rank 0 found its images.
        origin: String,
    },

    /// An error of one rank of several.
    #[error("rank {rank}")]
    Rank {
        /// The rank.
        rank: usize,
        /// The error.
        source: Box<Error>,
    },

    /// An error of one run of a set.
    #[error("run {name}")]
    Run {
        /// What its settings differ in: `seed=3`.
        name: String,
        /// The error.
        source: Box<Error>,
    },

    /// An error of the engine.
    #[error(transparent)]
    Engine(Box<crate::Error>),
}

/// A result whose error type defaults to [`enum@Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Refuses a flag: the message is its name followed by `problem`.
pub fn refuse<T>(flag: impl Into<String>, problem: impl Into<String>) -> Result<T> {
    Err(Error::Flag { flag: flag.into(), problem: problem.into() })
}

/// Refuses the value of a flag that does not fit the preset or other flags.
pub fn refuse_value<T>(flag: impl Into<String>, problem: OutOfRange) -> Result<T> {
    refuse(flag, format!("is {}, but must be {}", problem.value, problem.expected))
}

impl<E: Into<crate::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Error::Engine(Box::new(error.into()))
    }
}

impl Error {
    /// The message with its causes and advice, split into lines. Only errors that list items or
    /// quote a file have several lines; in all others a line break can only come from a file name.
    pub fn lines(&self) -> Vec<String> {
        let message = self.message();
        match self {
            Error::Engine(error) if is_multiline(error) => {
                message.lines().map(str::to_owned).collect()
            }
            _ => vec![message],
        }
    }

    /// The error of the engine that this is about.
    pub(super) fn engine(&self) -> Option<&crate::Error> {
        match self {
            Error::Engine(error) => Some(error),
            Error::Run { source, .. } | Error::Rank { source, .. } => source.engine(),
            _ => None,
        }
    }

    fn message(&self) -> String {
        let message = with_causes(self);
        let advice = self.engine().and_then(advice);
        match advice {
            Some(advice) => format!("{}; {advice}", message.trim_end()),
            None => message.trim_end().to_owned(),
        }
    }

    /// Whether this is a usage error.
    pub fn is_usage(&self) -> bool {
        match self {
            Error::Flag { .. } | Error::Arguments { .. } | Error::NoSuchPreset { .. } => true,
            Error::Engine(error) => matches!(**error, crate::Error::Launch(_)),
            Error::Run { source, .. } | Error::Rank { source, .. } => source.is_usage(),
            _ => false,
        }
    }

    /// The error of one run of a set.
    pub(super) fn of_run(self, name: &str) -> Self {
        Error::Run { name: name.to_owned(), source: Box::new(self) }
    }
}

/// Lists of mirrors, positions in a file, and messages of a compiler.
fn is_multiline(error: &crate::Error) -> bool {
    matches!(
        error,
        crate::Error::Data(data::Error::Fetch(_))
            | crate::Error::Run(run::Error::Config { .. })
            | crate::Error::Device(_)
    )
}

//! What goes wrong between the command line and the engine, and how it is said.

use std::io;
use std::path::PathBuf;

use gan_cuda::gan::preset;
use gan_cuda::ranges::OutOfRange;
use gan_cuda::text::with_causes;
use gan_cuda::{data, run};

use super::advice::advice;

/// Whatever a command ends with that is not done.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A flag was given that the set-up or the command cannot honour.
    #[error("{flag} {problem}")]
    Flag {
        /// The flag, as `--dropout`.
        flag: String,
        /// Why not, and what to do.
        problem: String,
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
    #[error("cannot listen for Ctrl-C, SIGTERM and other signals")]
    Signals {
        /// The operating system's word.
        source: io::Error,
    },

    /// Standard output did not take all that was printed.
    #[error("cannot write to standard output")]
    Output {
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
pub fn refuse<T>(flag: impl Into<String>, problem: impl Into<String>) -> Result<T> {
    Err(Error::Flag { flag: flag.into(), problem: problem.into() })
}

/// Refuses the value of a flag that the set-up cannot have, or not with the others.
pub fn refuse_value<T>(flag: impl Into<String>, problem: OutOfRange) -> Result<T> {
    refuse(flag, format!("is {}, but must be {}", problem.value, problem.expected))
}

impl<E: Into<gan_cuda::Error>> From<E> for Error {
    fn from(error: E) -> Self {
        Error::Engine(Box::new(error.into()))
    }
}

impl Error {
    /// The message, those of its causes, and what to do, in lines. Only the errors that are lists, or
    /// show a place in a file, have several: a line break of any other is in somebody's name.
    pub fn lines(&self) -> Vec<String> {
        let words = self.in_words();
        match self {
            Error::Engine(error) if has_lines(error) => words.lines().map(str::to_owned).collect(),
            _ => vec![words],
        }
    }

    fn in_words(&self) -> String {
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
        matches!(self, Error::Flag { .. } | Error::NoSuchPreset { .. })
    }
}

/// Lists of mirrors, places in a file, and what a compiler says.
fn has_lines(error: &gan_cuda::Error) -> bool {
    matches!(
        error,
        gan_cuda::Error::Data(data::Error::Fetch(_))
            | gan_cuda::Error::Run(run::Error::Config { .. })
            | gan_cuda::Error::Device(_)
    )
}

//! Errors of training.

use std::path::PathBuf;

use crate::file_error::FileError;
use crate::gan::metrics::NotFinite;
use crate::group::GroupError;
use crate::text::counted;
use crate::{device, eval, formats, picture, run};

/// Why training fails or cannot start.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),

    /// The device fails, or does not have enough memory.
    #[error(transparent)]
    Device(#[from] device::Error),

    /// A file has invalid content.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// The run folder has invalid content, or cannot be used.
    #[error(transparent)]
    Run(#[from] run::Error),

    /// A picture cannot be written.
    #[error(transparent)]
    Picture(#[from] picture::Error),

    /// The generator cannot be scored.
    #[error(transparent)]
    Eval(Box<eval::Error>),

    /// The configuration asks for scores, but the trainer has no evaluator.
    #[error("evaluate_interval is set, but the trainer has no evaluator")]
    NoEvaluator,

    /// A loss is NaN or infinite.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),

    /// Another rank failed or is lost.
    #[error(transparent)]
    Group(GroupError),

    /// Training ended early because of an error.
    #[error("training ended after iteration {iteration}; {}", newest(checkpoint.as_ref()))]
    Ended {
        /// Completed iterations.
        iteration: u32,
        /// The run's newest checkpoint, which is complete and has finite weights.
        checkpoint: Option<PathBuf>,
        /// The error.
        source: Box<Error>,
    },

    /// Training as a rank that has no run folder ended early because of an error.
    #[error("training of {run} ended after iteration {iteration}{}", if_known(checkpoint.as_ref()))]
    Followed {
        /// Rank 0's run folder, as rank 0 names it.
        run: String,
        /// Completed iterations.
        iteration: u32,
        /// The run's newest checkpoint, if its folder is visible here.
        checkpoint: Option<PathBuf>,
        /// The error.
        source: Box<Error>,
    },

    /// A run's `config.toml` differs from the configuration in its checkpoint.
    #[error("the run's config.toml has another {key} than its checkpoint")]
    ConfigChanged {
        /// The key of the value that differs, such as `gan.lr`.
        key: String,
    },

    /// A run would start from a checkpoint that has all its iterations already.
    #[error(
        "nothing is left to do: the checkpoint has {done} iterations, and the run would have {total}"
    )]
    NothingLeft {
        /// Iterations of the checkpoint.
        done: u32,
        /// Iterations of the whole run.
        total: u32,
    },

    /// The data set has too few images for a single batch.
    #[error("{} too few for batches of {batch_size}", are(*images))]
    TooFewImages {
        /// Images in the data set.
        images: usize,
        /// The batch size.
        batch_size: usize,
        /// Whether the networks have BatchNorm, which needs two images in a batch.
        normalizes: bool,
    },

    /// A run would be resumed with other images than it was started with.
    #[error(
        "the images {origin} are not those that the run was started with; restore them, or start a \
         new run"
    )]
    DataChanged {
        /// Where the images were found, for messages.
        origin: String,
    },
}

impl From<eval::Error> for Error {
    fn from(error: eval::Error) -> Self {
        Error::Eval(Box::new(error))
    }
}

/// A result with this module's error by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn are(images: usize) -> String {
    let verb = if images == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(images, "image"))
}

/// The newest checkpoint of a run that ended early, if it is known.
fn if_known(checkpoint: Option<&PathBuf>) -> String {
    checkpoint.map_or_else(String::new, |_| format!("; {}", newest(checkpoint)))
}

/// The newest checkpoint of a run that ended early.
fn newest(checkpoint: Option<&PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("its newest checkpoint, {}, is good", path.display()),
        None => "it has no checkpoint yet".to_owned(),
    }
}

//! Why a run does not train.

use std::path::PathBuf;

use crate::file_error::FileError;
use crate::gan::metrics::NotFinite;
use crate::text::counted;
use crate::{device, eval, formats, picture, run};

/// What can go wrong with training.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses a file.
    #[error(transparent)]
    File(#[from] FileError),

    /// The device fails, or has not enough memory.
    #[error(transparent)]
    Device(#[from] device::Error),

    /// A file is not what it should be.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// The run folder is not what it should be.
    #[error(transparent)]
    Run(#[from] run::Error),

    /// A picture could not be made.
    #[error(transparent)]
    Picture(#[from] picture::Error),

    /// A generator has no scores.
    #[error(transparent)]
    Eval(Box<eval::Error>),

    /// A run is to be scored, and by nothing.
    #[error("evaluate_interval asks for scores, and no evaluator was given to the trainer")]
    NoEvaluator,

    /// A loss is no number.
    #[error(transparent)]
    NotFinite(#[from] NotFinite),

    /// Training ended before its time.
    #[error("training ended after iteration {iteration}; {}", left_behind(checkpoint.as_ref()))]
    Ended {
        /// Completed iterations.
        iteration: u32,
        /// The run's newest checkpoint, which is whole and finite.
        checkpoint: Option<PathBuf>,
        /// Why.
        source: Box<Error>,
    },

    /// A run's `config.toml` is not what its checkpoint was trained with.
    #[error("the run's config.toml has another {key} than its checkpoint")]
    ConfigChanged {
        /// The value's key, as `gan.lr`.
        key: String,
    },

    /// A run would begin from a checkpoint that has all its iterations.
    #[error(
        "nothing is left to do: the checkpoint has {done} iterations, and the run would have {total}"
    )]
    NothingLeft {
        /// Iterations of the checkpoint.
        done: u32,
        /// Iterations after which the run would end.
        total: u32,
    },

    /// A data set is smaller than the smallest batch.
    #[error("{} too few for batches of {batch_size}", are(*images))]
    TooFewImages {
        /// Images in the data set.
        images: usize,
        /// Images in a batch.
        batch_size: usize,
        /// Whether the networks have BatchNorm, which needs two images in a batch.
        normalizes: bool,
    },

    /// A run would go on with other images than it began with.
    #[error(
        "the images {origin} are not those that the run began with; put those back, or begin a \
         new run"
    )]
    DataChanged {
        /// Where the images were found, in words.
        origin: String,
    },
}

impl From<eval::Error> for Error {
    fn from(error: eval::Error) -> Self {
        Error::Eval(Box::new(error))
    }
}

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn are(images: usize) -> String {
    let verb = if images == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(images, "image"))
}

/// What a run that ended too soon leaves.
fn left_behind(checkpoint: Option<&PathBuf>) -> String {
    match checkpoint {
        Some(path) => format!("its newest checkpoint, {}, is good", path.display()),
        None => "it has no checkpoint yet".to_owned(),
    }
}

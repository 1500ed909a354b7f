//! Why a generator is not scored.

use crate::file_error::FileError;
use crate::nn::SpecProblem;
use crate::text::counted;
use crate::{data, device, formats, run};

/// What can go wrong with scores.
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

    /// There are no images to compare with.
    #[error(transparent)]
    Data(#[from] data::Error),

    /// A run does not say what it has learnt from.
    #[error(transparent)]
    Run(#[from] run::Error),

    /// Layers of the classifier do not fit each other.
    #[error("the classifier {0}")]
    Classifier(#[from] SpecProblem),

    /// There are too few images to compare.
    #[error("{}: {} too few; scores need at least {least}", what, are(*images))]
    TooFewImages {
        /// Which images.
        what: String,
        /// How many they are.
        images: usize,
        /// How many there must be.
        least: usize,
    },
}

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn are(images: usize) -> String {
    format!("{} {}", counted(images, "image"), if images == 1 { "is" } else { "are" })
}

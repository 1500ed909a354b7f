//! Errors of scoring a generator.

use crate::file_error::FileError;
use crate::nn::SpecProblem;
use crate::text::counted;
use crate::{data, device, formats, run};

/// Why a generator cannot be scored.
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

    /// The real images cannot be loaded.
    #[error(transparent)]
    Data(#[from] data::Error),

    /// A run's configuration does not name its data set.
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
        /// How many images there are.
        images: usize,
        /// How many images are needed.
        least: usize,
    },
}

/// A result with this module's error by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn are(images: usize) -> String {
    format!("{} {}", counted(images, "image"), if images == 1 { "is" } else { "are" })
}

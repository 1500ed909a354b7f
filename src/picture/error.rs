//! Why a picture cannot be made.

use std::path::PathBuf;

use crate::file_error::FileError;
use crate::formats;

/// What can go wrong with pictures.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses a file.
    #[error(transparent)]
    File(#[from] FileError),

    /// It could not be encoded.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// A plot could not be drawn.
    #[error("cannot draw {path}: {problem}")]
    Plot {
        /// The plot.
        path: PathBuf,
        /// The plotting library's word.
        problem: String,
    },

    /// Frames cannot be joined to an animation.
    #[error("cannot make {path}: {problem}")]
    Gif {
        /// The animation.
        path: PathBuf,
        /// Why.
        problem: String,
    },

    /// A sample is no picture.
    #[cfg(feature = "plot")]
    #[error("{path} cannot be read; delete it, or put it back as it was")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: image::ImageError,
    },

    /// A sample is not as large as the others.
    #[error("{path} has {} × {} pixels, but the first sample {} × {}; delete it", size.0, size.1, first.0, first.1)]
    OtherSize {
        /// The file.
        path: PathBuf,
        /// Its width and height.
        size: (u32, u32),
        /// Those of the first.
        first: (u32, u32),
    },
}

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

//! Errors of making pictures.

use std::path::PathBuf;

use crate::file_error::FileError;
use crate::formats;

/// Why a picture cannot be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),

    /// It cannot be encoded.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// A plot cannot be drawn.
    #[error("cannot draw {path}: {problem}")]
    Plot {
        /// The plot.
        path: PathBuf,
        /// The plotting library's message.
        problem: String,
    },

    /// An animation cannot be encoded.
    #[error("cannot make {path}: {problem}")]
    Gif {
        /// The animation.
        path: PathBuf,
        /// The reason.
        problem: String,
    },

    /// A sample grid cannot be decoded.
    #[cfg(feature = "plot")]
    #[error("{path} cannot be read; delete it, or restore it")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The decoder's error.
        source: image::ImageError,
    },

    /// A sample grid has another size than the others.
    #[error("{path} has {} × {} pixels, but the first sample grid has {} × {}; delete it", size.0, size.1, first.0, first.1)]
    OtherSize {
        /// The file.
        path: PathBuf,
        /// Its width and height.
        size: (u32, u32),
        /// Width and height of the first sample grid.
        first: (u32, u32),
    },
}

/// A result with this module's error by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

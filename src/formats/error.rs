//! Errors of file formats.

use std::path::PathBuf;

use super::tensor_file::TensorProblem;
use crate::file_error::FileError;

/// What can go wrong when files are read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be accessed.
    #[error(transparent)]
    File(#[from] FileError),

    /// A file does not have the required tensors.
    #[error(transparent)]
    Tensors(#[from] TensorProblem),

    /// An image cannot be encoded.
    #[error("cannot encode {path} as PNG")]
    Png {
        /// The PNG file.
        path: PathBuf,
        /// The encoder's error.
        source: png::EncodingError,
    },

    /// A complete line of `stats.jsonl` is not a log entry.
    #[error("line {line} of {path} is not a valid log entry; delete the line")]
    StatsEntry {
        /// The `stats.jsonl`.
        path: PathBuf,
        /// The line number, from 1.
        line: usize,
        /// The JSON parser's error.
        source: serde_json::Error,
    },
}

/// A result whose error is this module's [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

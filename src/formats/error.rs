//! Why a file cannot be read or written.

use std::path::PathBuf;

use super::tensor_file::TensorProblem;
use crate::file_error::FileError;

/// What can go wrong with the files of this room.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refuses it.
    #[error(transparent)]
    File(#[from] FileError),

    /// It does not have the tensors that are wanted.
    #[error(transparent)]
    Tensors(#[from] TensorProblem),

    /// A picture cannot be encoded.
    #[error("cannot encode {path} as PNG")]
    Png {
        /// The picture.
        path: PathBuf,
        /// The encoder's word.
        source: png::EncodingError,
    },

    /// A whole line of `stats.jsonl` is no record.
    #[error("line {line} of {path} is not a record of losses; delete the line")]
    Record {
        /// The `stats.jsonl`.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The JSON reader's word.
        source: serde_json::Error,
    },
}

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

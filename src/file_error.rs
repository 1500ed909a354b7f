//! A file or folder that the system does not let us use.

use std::io;
use std::path::{Path, PathBuf};

/// What was tried, where, and what the system says.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub struct FileError {
    /// What was tried: "read", "write", "create", …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The operating system's word.
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: wraps an [`io::Error`] with what was tried, and where.
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        move |source| FileError { action, path: path.to_owned(), source }
    }
}

/// A result whose error is a [`FileError`] unless another is named.
pub type Result<T, E = FileError> = std::result::Result<T, E>;

//! Errors of file operations.

use std::io;
use std::path::{Path, PathBuf};

/// The failed operation, its path, and the error of the operating system.
#[derive(Debug, thiserror::Error)]
#[error("cannot {action} {path}")]
pub struct FileError {
    /// The operation: "read", "write", "create", …
    pub action: &'static str,
    /// The file or folder.
    pub path: PathBuf,
    /// The error of the operating system.
    pub source: io::Error,
}

impl FileError {
    /// For `map_err`: adds the operation and the path to an [`io::Error`].
    pub fn at(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> FileError {
        move |source| FileError { action, path: path.to_owned(), source }
    }
}

/// A result whose error is a [`FileError`] unless another is named.
pub type Result<T, E = FileError> = std::result::Result<T, E>;

//! The one error type: what went wrong, where, and what to do about it.
//!
//! A message is lower case and names the file, flag or value at fault; causes are chained through
//! [`std::error::Error::source`] and printed once, by the binary.

use std::io;
use std::path::{Path, PathBuf};

/// Everything that can go wrong outside the program's own code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder could not be read, written or made.
    #[error("cannot {action} {path}", path = path.display())]
    Io {
        /// What was tried: "read", "write", "create", …
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: wraps an [`io::Error`] with what was tried, and where.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.to_owned(), source }
    }
}

/// A result whose error is [`enum@Error`].
pub type Result<T> = std::result::Result<T, Error>;

//! The one error type: what went wrong, where, and what to do about it.
//!
//! A message is lower case and names the file, flag or value at fault; causes are chained through
//! [`std::error::Error::source`] and printed once, by the binary.

use std::io;
use std::path::{Path, PathBuf};

use crate::data::ImageShape;
use crate::data::idx::IdxProblem;

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
    /// An IDX file is not what it should be.
    #[error("cannot use {path}", path = path.display())]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: IdxProblem,
    },
    /// The folder named by the user has no training set.
    #[error(
        "no {dataset} training set in {folder}: looked there and in its sub-folder {inner} \
         for {looked_for}; name the folder that has them with --data-dir",
        folder = folder.display()
    )]
    DatasetNotInFolder {
        /// The data set's name.
        dataset: &'static str,
        /// The folder that was searched.
        folder: PathBuf,
        /// The file names that would have done.
        looked_for: String,
        /// The sub-folder that was searched too.
        inner: &'static str,
    },
    /// Images without labels, or labels without images.
    #[error(
        "found {found}, but no {missing} file beside it: looked for {looked_for}",
        found = found.display()
    )]
    DatasetIncomplete {
        /// The file that is there.
        found: PathBuf,
        /// "image" or "label".
        missing: &'static str,
        /// The file names that would have done.
        looked_for: String,
    },
    /// A data set that is not embedded is nowhere on this machine.
    #[error("{dataset} is not on this machine (searched: {}); {remedy}", listed(searched))]
    DatasetNotFound {
        /// The data set's name.
        dataset: &'static str,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
        /// How to get it.
        remedy: String,
    },
    /// Images cannot be brought into the shape asked for.
    #[error("cannot turn images of {from} into {to}: {reason}")]
    Reshape {
        /// The data set's shape.
        from: ImageShape,
        /// The shape asked for.
        to: ImageShape,
        /// Why not.
        reason: String,
    },
}

impl Error {
    /// For `map_err`: wraps an [`io::Error`] with what was tried, and where.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| Error::Io { action, path: path.to_owned(), source }
    }
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

/// A result whose error is [`enum@Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

//! Errors of data sets.

use std::path::PathBuf;

#[cfg(feature = "fetch")]
use super::FetchProblem;
#[cfg(feature = "images")]
use super::FolderProblem;
use super::idx::IdxProblem;
use super::{DatasetProblem, ImageShape};
use crate::file_error::FileError;

/// What can go wrong with data sets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file or folder cannot be accessed.
    #[error(transparent)]
    File(#[from] FileError),

    /// A data set's files cannot be found.
    #[error(transparent)]
    Dataset(#[from] DatasetProblem),

    /// An IDX file is invalid.
    #[error("cannot use {path}")]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: IdxProblem,
    },

    /// A folder of images cannot be used.
    #[cfg(feature = "images")]
    #[error(transparent)]
    Folder(#[from] FolderProblem),

    /// A data set could not be downloaded.
    #[cfg(feature = "fetch")]
    #[error(transparent)]
    Fetch(#[from] FetchProblem),

    /// Images cannot be converted to the requested shape.
    #[error("cannot turn images of {from} into {to}: {reason}")]
    Reshape {
        /// The data set's shape.
        from: ImageShape,
        /// The requested shape.
        to: ImageShape,
        /// Why not.
        reason: String,
    },
}

/// A result whose error is this module's [`Error`] unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

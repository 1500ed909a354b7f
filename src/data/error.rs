//! Why there are no images to learn from.

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
    /// The system refuses a file or folder.
    #[error(transparent)]
    File(#[from] FileError),

    /// A data set's files are not found.
    #[error(transparent)]
    Dataset(#[from] DatasetProblem),

    /// An IDX file is not what it should be.
    #[error("cannot use {path}")]
    Idx {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        #[source]
        problem: IdxProblem,
    },

    /// A folder of images cannot be learnt from.
    #[cfg(feature = "images")]
    #[error(transparent)]
    Folder(#[from] FolderProblem),

    /// A data set could not be downloaded.
    #[cfg(feature = "fetch")]
    #[error(transparent)]
    Fetch(#[from] FetchProblem),

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

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

//! What can be wrong with the places of a data set.

use std::path::PathBuf;

use crate::data::DatasetKind;

/// Why a data set's files are not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetProblem {
    /// The folder named by the user has no training set.
    #[error(
        "no {dataset} training set in {folder}: looked there and in its sub-folder {inner} \
         for {looked_for}"
    )]
    NotInFolder {
        /// The data set.
        dataset: DatasetKind,
        /// The folder that was searched.
        folder: PathBuf,
        /// The file names that would have done.
        looked_for: String,
        /// The sub-folder that was searched too.
        inner: &'static str,
    },

    /// Images without labels, or labels without images.
    #[error("found {found}, but no {missing} file beside it: looked for {looked_for}")]
    Incomplete {
        /// The file that is there.
        found: PathBuf,
        /// "image" or "label".
        missing: &'static str,
        /// The file names that would have done.
        looked_for: String,
    },

    /// More than one training set.
    #[error("{} has several training sets: {}", folder.display(), listed(files))]
    Several {
        /// The folder that was searched.
        folder: PathBuf,
        /// Their image files.
        files: Vec<PathBuf>,
    },

    /// A test set alone.
    #[error(
        "found no training set, only files of a test set, as {found}; put the training set's files \
         beside it, whose names have train- in the place of t10k- or test-"
    )]
    OnlyTest {
        /// One of its files.
        found: PathBuf,
    },

    /// Nothing but a container that is not read.
    #[error("{path} {problem}")]
    OtherFormat {
        /// The file.
        path: PathBuf,
        /// What it is and what to do.
        problem: String,
    },

    /// A data set that is not embedded is nowhere on this machine.
    #[error("{dataset} is not on this machine (searched: {})", listed(searched))]
    NotFound {
        /// The data set.
        dataset: DatasetKind,
        /// The folders that were searched.
        searched: Vec<PathBuf>,
    },
}

fn listed(paths: &[PathBuf]) -> String {
    let paths: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
    paths.join(", ")
}

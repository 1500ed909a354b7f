//! Reasons why a data set's files are not found.

use std::path::PathBuf;

use crate::data::DatasetKind;

/// Why a data set's files are not found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatasetProblem {
    /// The folder given by the user has no training set.
    #[error(
        "no {dataset} training set in {folder}: searched it and its sub-folder {sub_folder} \
         for {looked_for}"
    )]
    NotInFolder {
        /// The data set.
        dataset: DatasetKind,
        /// The searched folder.
        folder: PathBuf,
        /// The accepted file names.
        looked_for: String,
        /// The sub-folder that was searched, too.
        sub_folder: &'static str,
    },

    /// Images without labels, or labels without images.
    #[error("found {found}, but no {missing} file next to it (searched for {looked_for})")]
    Incomplete {
        /// The file that exists.
        found: PathBuf,
        /// "image" or "label".
        missing: &'static str,
        /// The accepted file names.
        looked_for: String,
    },

    /// More than one training set.
    #[error("{} has several training sets: {}", folder.display(), listed(files))]
    SeveralTrainingSets {
        /// The searched folder.
        folder: PathBuf,
        /// Their image files.
        files: Vec<PathBuf>,
    },

    /// Only a test set.
    #[error(
        "found no training set, only test set files such as {found}; put the training set's files \
         next to them, with names that start with train- instead of t10k- or test-"
    )]
    OnlyTestSet {
        /// One of its files.
        found: PathBuf,
    },

    /// Only files in an unsupported format.
    #[error("{path} {problem}")]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// What it is and what to do.
        problem: String,
    },

    /// A data set that is not embedded is in none of the folders.
    #[error("{dataset} was not found (searched: {})", listed(searched))]
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

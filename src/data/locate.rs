//! Where a data set's files may lie, and which of them are there.
//!
//! Owns the order of the search ([`Places`]) and the accepted spellings of file names, and opens
//! no file. Files that are there are taken: whether they are sound is for [`idx`](super::idx) to
//! say, and a damaged file is an error, never a reason to look further.

mod problem;

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use tracing::debug;

use super::DatasetKind;
use crate::data::{Error, Result};
use crate::file_error::FileError;
pub use problem::DatasetProblem;

const IMAGES: &str = "train-images-idx3-ubyte";
const LABELS: &str = "train-labels-idx1-ubyte";

/// The names under which a file is looked for, the first one first.
pub(super) fn spellings(name: &str) -> [String; 4] {
    let dotted = name.replacen("-idx", ".idx", 1);
    [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")]
}

/// This program's cache folder: `$XDG_CACHE_HOME/gan-cuda`, `~/.cache/gan-cuda` where that variable
/// is not set, and on Windows `%LOCALAPPDATA%\gan-cuda`; none where no home folder is known.
pub fn cache_folder() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.cache_dir().join("gan-cuda"))
}

/// The folders that are searched for a data set, first one first.
#[derive(Clone, Debug, Default)]
pub struct Places {
    /// The folder the user named (`--data-dir`); then no other is searched.
    pub data_dir: Option<PathBuf>,
    /// The user's cache folder of this data set; none where no home folder is known.
    pub cache: Option<PathBuf>,
    /// Folders that packages of the system fill.
    pub system: Vec<PathBuf>,
}

impl Places {
    /// The places of this machine; the cache folder is `NAME` in that of [`cache_folder`].
    pub fn of_machine(kind: DatasetKind, data_dir: Option<&Path>) -> Places {
        Places {
            data_dir: data_dir.map(Path::to_owned),
            cache: cache_folder().map(|folder| folder.join(kind.name())),
            system: system_folders(kind),
        }
    }

    /// The folders to search, in order.
    fn folders(&self) -> Vec<&Path> {
        match &self.data_dir {
            Some(folder) => vec![folder],
            None => self.cache.iter().chain(&self.system).map(PathBuf::as_path).collect(),
        }
    }

    /// The first folder's files, if any folder has them.
    pub(super) fn find(&self, kind: DatasetKind) -> Result<Option<TrainingFiles>> {
        for folder in self.folders() {
            if let Some(files) = find_in(folder, kind)? {
                debug!(data = kind.name(), images = %files.images.display(), "found");
                return Ok(Some(files));
            }
            debug!(data = kind.name(), folder = %folder.display(), "not here");
        }
        match &self.data_dir {
            Some(folder) => Err(not_in_folder(folder, kind)),
            None => Ok(None),
        }
    }

    /// The error for a data set that is in none of the folders.
    pub(super) fn not_found(&self, kind: DatasetKind) -> Error {
        let searched = self.folders().into_iter().map(Path::to_owned).collect();
        DatasetProblem::NotFound { dataset: kind, searched }.into()
    }
}

/// The image file and the label file of a training set.
#[derive(Clone, Debug)]
pub(super) struct TrainingFiles {
    /// The folder that was searched, as the user knows it.
    pub folder: PathBuf,
    pub images: PathBuf,
    pub labels: PathBuf,
}

fn system_folders(kind: DatasetKind) -> Vec<PathBuf> {
    let roots = ["/usr/share/datasets", "/usr/local/share/datasets"];
    let roots = if cfg!(unix) { &roots[..] } else { &[] };
    roots.iter().map(|root| Path::new(root).join(kind.name())).collect()
}

/// Looks into `folder` and into the sub-folder that torchvision makes below its `root`.
fn find_in(folder: &Path, kind: DatasetKind) -> Result<Option<TrainingFiles>> {
    for inner in [folder.to_owned(), folder.join(kind.torchvision_folder())] {
        let images = first_existing(&inner, IMAGES)?;
        let labels = first_existing(&inner, LABELS)?;
        match (images, labels) {
            (Some(images), Some(labels)) => {
                return Ok(Some(TrainingFiles { folder: inner, images, labels }));
            }
            (Some(found), None) => return Err(incomplete(found, "label", LABELS)),
            (None, Some(found)) => return Err(incomplete(found, "image", IMAGES)),
            (None, None) => {}
        }
    }
    Ok(None)
}

fn first_existing(folder: &Path, name: &str) -> Result<Option<PathBuf>> {
    for spelling in spellings(name) {
        let path = folder.join(spelling);
        if path.try_exists().map_err(FileError::at("look for", &path))? {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

fn incomplete(found: PathBuf, missing: &'static str, name: &str) -> Error {
    DatasetProblem::Incomplete { found, missing, looked_for: spellings(name).join(", ") }.into()
}

fn not_in_folder(folder: &Path, kind: DatasetKind) -> Error {
    DatasetProblem::NotInFolder {
        dataset: kind,
        folder: folder.to_owned(),
        looked_for: [IMAGES, LABELS].map(spellings).concat().join(", "),
        inner: kind.torchvision_folder(),
    }
    .into()
}

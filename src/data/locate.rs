//! Where a data set's files may lie, and which of them are there.
//!
//! Owns the order of the search ([`Places`]) and the accepted spellings of file names, and opens
//! no file. Files that are there are taken: whether they are sound is for [`idx`](super::idx) to
//! say, and a damaged file is an error, never a reason to look further.

mod names;
mod problem;

use std::env;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use tracing::debug;

use super::DatasetKind;
use super::other::other_format_in;
use crate::data::{Error, Result};
#[cfg(feature = "fetch")]
pub(super) use names::spellings;
use names::{TEST, TRAIN, heads, image_names, label_names};
pub(super) use names::{first_file, image_head};
pub use problem::DatasetProblem;

/// Where other programs put the files, below the folder that their user names: torchvision, and the
/// archive of EMNIST.
const INNER: [&str; 7] =
    ["raw", "MNIST/raw", "FashionMNIST/raw", "EMNIST/raw", "KMNIST/raw", "QMNIST/raw", "gzip"];

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
            if let Some(files) = find_in(folder, kind, self.data_dir.is_some())? {
                debug!(data = kind.name(), images = %files.images.display(), "found");
                return Ok(Some(files));
            }
            debug!(data = kind.name(), folder = %folder.display(), "not here");
        }
        match &self.data_dir {
            Some(folder) => Err(only_test(folder, &[kind.torchvision_folder()])
                .or_else(|| other_format_in(folder))
                .unwrap_or_else(|| not_in_folder(folder, kind))),
            None => Ok(None),
        }
    }

    /// The first folder's test set, if any folder has one.
    pub(super) fn find_test(&self, kind: DatasetKind) -> Result<Option<TrainingFiles>> {
        for folder in self.folders() {
            for inner in [folder.to_owned(), folder.join(kind.torchvision_folder())] {
                if let Some(files) = test_in(&inner, "")? {
                    return Ok(Some(files));
                }
            }
        }
        Ok(None)
    }

    /// The error for a data set that is in none of the folders.
    pub(super) fn not_found(&self, kind: DatasetKind) -> Error {
        let searched = self.folders().into_iter().map(Path::to_owned).collect();
        DatasetProblem::NotFound { dataset: kind, searched }.into()
    }
}

/// The image file and the label file of a training set, or of a test set.
#[derive(Clone, Debug)]
pub(super) struct TrainingFiles {
    /// The folder that was searched, as the user knows it.
    pub folder: PathBuf,
    pub images: PathBuf,
    labels: Option<PathBuf>,
    /// What both names begin with: `train-`, `emnist-letters-train-`.
    head: String,
}

impl TrainingFiles {
    /// The training set at `path`: an image file, or a folder that has one set, or has it where
    /// other programs put it. Nothing if there is none.
    pub fn at(path: &Path) -> Result<Option<TrainingFiles>> {
        if path.is_file() {
            return Ok(Some(TrainingFiles::of_images(path)?));
        }
        let mut sets = sets_in(path)?;
        if sets.is_empty() {
            // One of these names that may not be listed is another folder's.
            let inner =
                INNER.iter().flat_map(|inner| sets_in(&path.join(inner)).unwrap_or_default());
            sets.extend(inner);
        }
        single(path, sets)
    }

    /// An image file, and the labels beside it; or, where it lies in a folder of its own, beside
    /// that.
    fn of_images(path: &Path) -> Result<TrainingFiles> {
        let head = image_head(path).unwrap_or_default().to_owned();
        let folder = path.parent().unwrap_or(path);
        let outer = folder.parent().filter(|_| image_head(folder).is_some());
        let mut labels = first_file(folder, &label_names(&head))?;
        if let (None, Some(outer)) = (&labels, outer) {
            labels = first_file(outer, &label_names(&head))?;
        }
        Ok(TrainingFiles { folder: folder.to_owned(), images: path.to_owned(), labels, head })
    }

    /// The label file.
    ///
    /// # Errors
    /// [`DatasetProblem::Incomplete`].
    pub fn labels(&self) -> Result<&Path> {
        self.labels
            .as_deref()
            .ok_or_else(|| incomplete(self.images.clone(), "label", &label_names(&self.head)))
    }

    /// The test set beside it, if it is there: `t10k-…` or `test-…` where this is `train-…`.
    pub fn test(&self) -> Result<Option<TrainingFiles>> {
        let prefix = self.head.strip_suffix(TRAIN);
        prefix.map_or(Ok(None), |prefix| test_in(&self.folder, prefix))
    }

    /// Whether images are stored column by column, as in all of EMNIST's files
    /// (<https://www.nist.gov/itl/products-and-services/emnist-dataset>).
    pub fn is_transposed(&self) -> bool {
        self.head.starts_with("emnist-")
    }
}

/// `datasets/NAME` in the folders that the XDG base directory specification names for data.
fn system_folders(kind: DatasetKind) -> Vec<PathBuf> {
    if cfg!(not(unix)) {
        return Vec::new();
    }
    let set = env::var_os("XDG_DATA_DIRS").filter(|folders| !folders.is_empty());
    let shares = set.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let absolute = env::split_paths(&shares).filter(|share| share.is_absolute());
    absolute.map(|share| share.join("datasets").join(kind.name())).collect()
}

/// Looks into `folder` and into the sub-folder that torchvision makes below its `root`. A set under
/// MNIST's own names comes before others, which are taken only where the user `named` the folder.
fn find_in(folder: &Path, kind: DatasetKind, named: bool) -> Result<Option<TrainingFiles>> {
    for inner in [folder.to_owned(), folder.join(kind.torchvision_folder())] {
        let mut sets = sets_in(&inner)?;
        if !named || sets.iter().any(|files| files.head == TRAIN) {
            sets.retain(|files| files.head == TRAIN);
        }
        match single(&inner, sets)? {
            None => labels_alone(&inner, named).map_or(Ok(()), Err)?,
            files => return Ok(files),
        }
    }
    Ok(None)
}

/// The training sets of a folder, which need not be there, by their names. Labels may be missing.
fn sets_in(folder: &Path) -> Result<Vec<TrainingFiles>> {
    let mut sets = Vec::new();
    for head in heads(folder)?.into_iter().filter(|head| head.ends_with(TRAIN)) {
        let labels = first_file(folder, &label_names(&head))?;
        if let Some(images) = first_file(folder, &image_names(&head))? {
            sets.push(TrainingFiles { folder: folder.to_owned(), images, labels, head });
        }
    }
    Ok(sets)
}

/// The test set of a folder, which need not be there, whose names begin so; one without labels is
/// none.
fn test_in(folder: &Path, prefix: &str) -> Result<Option<TrainingFiles>> {
    for head in TEST.map(|test| format!("{prefix}{test}")) {
        let labels = first_file(folder, &label_names(&head))?;
        let images = first_file(folder, &image_names(&head))?;
        if let (Some(images), Some(_)) = (images, &labels) {
            return Ok(Some(TrainingFiles { folder: folder.to_owned(), images, labels, head }));
        }
    }
    Ok(None)
}

/// That a folder without a training set has labels of one, by `any` name or by MNIST's own.
fn labels_alone(folder: &Path, any: bool) -> Option<Error> {
    let is_train = |head: &String| if any { head.ends_with(TRAIN) } else { head == TRAIN };
    heads(folder).ok()?.into_iter().filter(is_train).find_map(|head| {
        let found = first_file(folder, &label_names(&head)).ok()??;
        Some(incomplete(found, "image", &image_names(&head)))
    })
}

fn single(folder: &Path, mut sets: Vec<TrainingFiles>) -> Result<Option<TrainingFiles>> {
    if sets.len() > 1 {
        let files = sets.into_iter().map(|files| files.images).collect();
        return Err(DatasetProblem::Several { folder: folder.to_owned(), files }.into());
    }
    Ok(sets.pop())
}

/// Why there is nothing to learn from in a folder where neither images nor a training set was
/// found, if that can be told.
pub(super) fn unusable(folder: &Path) -> Option<Error> {
    labels_alone(folder, true)
        .or_else(|| only_test(folder, &INNER))
        .or_else(|| other_format_in(folder))
}

/// That a folder has a test set alone, itself or in one of its sub-folders `inner`.
fn only_test(folder: &Path, inner: &[&str]) -> Option<Error> {
    let inner = inner.iter().map(|inner| folder.join(inner));
    let found = [folder.to_owned()].into_iter().chain(inner).find_map(|folder| {
        let is_test = |head: &String| TEST.iter().any(|test| head.ends_with(test));
        let head = heads(&folder).ok()?.into_iter().find(is_test)?;
        let names = [image_names(&head), label_names(&head)].concat();
        first_file(&folder, &names).ok()?
    });
    found.map(|found| DatasetProblem::OnlyTest { found }.into())
}

fn incomplete(found: PathBuf, missing: &'static str, names: &[String]) -> Error {
    DatasetProblem::Incomplete { found, missing, looked_for: names.join(", ") }.into()
}

fn not_in_folder(folder: &Path, kind: DatasetKind) -> Error {
    DatasetProblem::NotInFolder {
        dataset: kind,
        folder: folder.to_owned(),
        looked_for: [image_names(TRAIN), label_names(TRAIN)].concat().join(", "),
        inner: kind.torchvision_folder(),
    }
    .into()
}

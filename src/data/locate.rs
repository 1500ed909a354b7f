//! Finds a data set's files.
//!
//! Owns the search order ([`SearchPaths`]) and the accepted file names, and opens no file. The
//! first files found are used: [`idx`](super::idx) decides whether they are valid, and a damaged
//! file is an error, never a reason to search further.

mod names;
mod problem;

use std::env;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;
use tracing::debug;

use super::DatasetKind;
use super::unsupported::unsupported_file_in;
use crate::data::{Error, Result};
#[cfg(feature = "fetch")]
pub(super) use names::spellings;
use names::{TEST, TRAIN, image_names, label_names, prefixes};
pub(super) use names::{first_file, image_prefix};
pub use problem::DatasetProblem;

/// Sub-folders where torchvision and the EMNIST archive put the files.
const SUB_FOLDERS: [&str; 7] =
    ["raw", "MNIST/raw", "FashionMNIST/raw", "EMNIST/raw", "KMNIST/raw", "QMNIST/raw", "gzip"];

/// The program's cache folder: `$XDG_CACHE_HOME/gan-cuda`, or `~/.cache/gan-cuda` if that variable
/// is not set, and on Windows `%LOCALAPPDATA%\gan-cuda`; `None` if the home folder is unknown.
pub fn cache_folder() -> Option<PathBuf> {
    let folders = etcetera::choose_base_strategy().ok()?;
    Some(folders.cache_dir().join("gan-cuda"))
}

/// The folders in which a data set is searched, in this order.
#[derive(Clone, Debug, Default)]
pub struct SearchPaths {
    /// The folder given with `--data-dir`; if set, no other folder is searched.
    pub data_dir: Option<PathBuf>,
    /// The data set's folder in the user's cache; `None` if the home folder is unknown.
    pub cache: Option<PathBuf>,
    /// System-wide data folders, which packages install into.
    pub system: Vec<PathBuf>,
}

impl SearchPaths {
    /// The search paths of this machine; the cache folder is `NAME` in [`cache_folder`].
    pub fn for_dataset(kind: DatasetKind, data_dir: Option<&Path>) -> SearchPaths {
        SearchPaths {
            data_dir: data_dir.map(Path::to_owned),
            cache: cache_folder().map(|folder| folder.join(kind.stored_as().name())),
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

    /// The training set in the first folder that has one.
    pub(super) fn find(&self, kind: DatasetKind) -> Result<Option<IdxFiles>> {
        for folder in self.folders() {
            if let Some(files) = find_in(folder, kind, self.data_dir.is_some())? {
                debug!(data = kind.name(), images = %files.images.display(), "found");
                return Ok(Some(files));
            }
            debug!(data = kind.name(), folder = %folder.display(), "not found in this folder");
        }
        match &self.data_dir {
            Some(folder) => Err(only_test_set(folder, &[kind.torchvision_folder()])
                .or_else(|| unsupported_file_in(folder))
                .unwrap_or_else(|| not_in_folder(folder, kind))),
            None => Ok(None),
        }
    }

    /// The test set in the first folder that has one.
    pub(super) fn find_test(&self, kind: DatasetKind) -> Result<Option<IdxFiles>> {
        for folder in self.folders() {
            for inner in [folder.to_owned(), folder.join(kind.torchvision_folder())] {
                if let Some(files) = test_in(&inner, "")? {
                    return Ok(Some(files));
                }
            }
        }
        Ok(None)
    }

    /// The error for a data set that no folder has.
    pub(super) fn not_found(&self, kind: DatasetKind) -> Error {
        let searched = self.folders().into_iter().map(Path::to_owned).collect();
        DatasetProblem::NotFound { dataset: kind, searched }.into()
    }
}

/// The image file and the label file of a training set, or of a test set.
#[derive(Clone, Debug)]
pub(super) struct IdxFiles {
    /// The searched folder, as given by the user.
    pub folder: PathBuf,
    pub images: PathBuf,
    labels: Option<PathBuf>,
    /// Prefix of both file names: `train-`, `emnist-letters-train-`.
    prefix: String,
}

impl IdxFiles {
    /// The training set at `path`: an image file, or a folder that has one training set, directly
    /// or in torchvision's or EMNIST's sub-folder. `None` if there is none.
    pub fn at(path: &Path) -> Result<Option<IdxFiles>> {
        if path.is_file() {
            return Ok(Some(IdxFiles::of_images(path)?));
        }
        let mut sets = sets_in(path)?;
        if sets.is_empty() {
            // A sub-folder of this name that cannot be listed belongs to something else.
            let inner =
                SUB_FOLDERS.iter().flat_map(|inner| sets_in(&path.join(inner)).unwrap_or_default());
            sets.extend(inner);
        }
        single(path, sets)
    }

    /// An image file and the label file next to it or, if the image file is in a folder of its own
    /// name, next to that folder.
    fn of_images(path: &Path) -> Result<IdxFiles> {
        let prefix = image_prefix(path).unwrap_or_default().to_owned();
        let folder = path.parent().unwrap_or(path);
        let outer = folder.parent().filter(|_| image_prefix(folder).is_some());
        let mut labels = first_file(folder, &label_names(&prefix))?;
        if let (None, Some(outer)) = (&labels, outer) {
            labels = first_file(outer, &label_names(&prefix))?;
        }
        Ok(IdxFiles { folder: folder.to_owned(), images: path.to_owned(), labels, prefix })
    }

    /// The label file.
    ///
    /// # Errors
    /// [`DatasetProblem::Incomplete`].
    pub fn labels(&self) -> Result<&Path> {
        self.labels
            .as_deref()
            .ok_or_else(|| incomplete(self.images.clone(), "label", &label_names(&self.prefix)))
    }

    /// The test set next to it, if there is one: `t10k-…` or `test-…` instead of `train-…`.
    pub fn test(&self) -> Result<Option<IdxFiles>> {
        let prefix = self.prefix.strip_suffix(TRAIN);
        prefix.map_or(Ok(None), |prefix| test_in(&self.folder, prefix))
    }

    /// Whether images are stored column by column, as in all of EMNIST's files
    /// (<https://www.nist.gov/itl/products-and-services/emnist-dataset>).
    pub fn is_transposed(&self) -> bool {
        self.prefix.starts_with("emnist-")
    }
}

/// `datasets/NAME` in the data folders of the XDG Base Directory Specification.
fn system_folders(kind: DatasetKind) -> Vec<PathBuf> {
    if cfg!(not(unix)) {
        return Vec::new();
    }
    let set = env::var_os("XDG_DATA_DIRS").filter(|folders| !folders.is_empty());
    let shares = set.unwrap_or_else(|| "/usr/local/share:/usr/share".into());
    let absolute = env::split_paths(&shares).filter(|share| share.is_absolute());
    absolute.map(|share| share.join("datasets").join(kind.stored_as().name())).collect()
}

/// Searches `folder` and the sub-folder that torchvision creates in its `root`. Files with MNIST's
/// own names come first; others count only in a folder that the user `named`.
fn find_in(folder: &Path, kind: DatasetKind, named: bool) -> Result<Option<IdxFiles>> {
    for inner in [folder.to_owned(), folder.join(kind.torchvision_folder())] {
        let mut sets = sets_in(&inner)?;
        if !named || sets.iter().any(|files| files.prefix == TRAIN) {
            sets.retain(|files| files.prefix == TRAIN);
        }
        match single(&inner, sets)? {
            None => labels_without_images(&inner, named).map_or(Ok(()), Err)?,
            files => return Ok(files),
        }
    }
    Ok(None)
}

/// The training sets in a folder, sorted by name. The folder may not exist, and labels may be
/// missing.
fn sets_in(folder: &Path) -> Result<Vec<IdxFiles>> {
    let mut sets = Vec::new();
    for prefix in prefixes(folder)?.into_iter().filter(|prefix| prefix.ends_with(TRAIN)) {
        let labels = first_file(folder, &label_names(&prefix))?;
        if let Some(images) = first_file(folder, &image_names(&prefix))? {
            sets.push(IdxFiles { folder: folder.to_owned(), images, labels, prefix });
        }
    }
    Ok(sets)
}

/// The test set with this prefix in a folder, which may not exist. Images without labels do not
/// count.
fn test_in(folder: &Path, prefix: &str) -> Result<Option<IdxFiles>> {
    for prefix in TEST.map(|test| format!("{prefix}{test}")) {
        let labels = first_file(folder, &label_names(&prefix))?;
        let images = first_file(folder, &image_names(&prefix))?;
        if let (Some(images), Some(_)) = (images, &labels) {
            return Ok(Some(IdxFiles { folder: folder.to_owned(), images, labels, prefix }));
        }
    }
    Ok(None)
}

/// The error for a folder that has training labels without images, under any prefix (`any`) or
/// under MNIST's own names.
fn labels_without_images(folder: &Path, any: bool) -> Option<Error> {
    let is_train = |prefix: &String| if any { prefix.ends_with(TRAIN) } else { prefix == TRAIN };
    prefixes(folder).ok()?.into_iter().filter(is_train).find_map(|prefix| {
        let found = first_file(folder, &label_names(&prefix)).ok()??;
        Some(incomplete(found, "image", &image_names(&prefix)))
    })
}

fn single(folder: &Path, mut sets: Vec<IdxFiles>) -> Result<Option<IdxFiles>> {
    if sets.len() > 1 {
        let files = sets.into_iter().map(|files| files.images).collect();
        return Err(DatasetProblem::SeveralTrainingSets { folder: folder.to_owned(), files }.into());
    }
    Ok(sets.pop())
}

/// The reason why a folder has neither images nor a training set, if one is apparent.
pub(super) fn why_unusable(folder: &Path) -> Option<Error> {
    labels_without_images(folder, true)
        .or_else(|| only_test_set(folder, &SUB_FOLDERS))
        .or_else(|| unsupported_file_in(folder))
}

/// The error for a folder that has only a test set, directly or in one of the sub-folders `inner`.
fn only_test_set(folder: &Path, inner: &[&str]) -> Option<Error> {
    let inner = inner.iter().map(|inner| folder.join(inner));
    let found = [folder.to_owned()].into_iter().chain(inner).find_map(|folder| {
        let is_test = |prefix: &String| TEST.iter().any(|test| prefix.ends_with(test));
        let prefix = prefixes(&folder).ok()?.into_iter().find(is_test)?;
        let names = [image_names(&prefix), label_names(&prefix)].concat();
        first_file(&folder, &names).ok()?
    });
    found.map(|found| DatasetProblem::OnlyTestSet { found }.into())
}

fn incomplete(found: PathBuf, missing: &'static str, names: &[String]) -> Error {
    DatasetProblem::Incomplete { found, missing, looked_for: names.join(", ") }.into()
}

fn not_in_folder(folder: &Path, kind: DatasetKind) -> Error {
    DatasetProblem::NotInFolder {
        dataset: kind,
        folder: folder.to_owned(),
        looked_for: [image_names(TRAIN), label_names(TRAIN)].concat().join(", "),
        sub_folder: kind.torchvision_folder(),
    }
    .into()
}

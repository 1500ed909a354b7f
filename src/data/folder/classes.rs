//! The classes of a folder of images: its topmost sub-folders.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::mem;
use std::path::{Path, PathBuf};

use super::listing::{ImageFile, first_bytes};
use super::problem::{listed, training_split};
use super::{FolderProblem, ImageFolder};
use crate::data::{ClassOrder, Result};
use crate::mark;

/// Names of data set splits, which are not classes: `train`, `testA`, `val2017`.
const SPLITS: [&[&str]; 3] =
    [&["train", "training"], &["test", "testing", "eval"], &["val", "valid", "validation", "dev"]];

/// Class names by number, and the class of each image in a folder.
pub(super) struct Classes {
    pub names: Vec<String>,
    pub labels: Vec<u32>,
    /// Warnings about a possibly unintended layout.
    pub warnings: Vec<String>,
}

impl ImageFolder {
    /// The classes: the topmost sub-folders that contain images at any depth. Image files that this
    /// program wrote do not make a class; those outside classes, and classes that have nothing
    /// else, are removed from the listing.
    ///
    /// # Errors
    /// [`FolderProblem`]: [`NoClasses`](FolderProblem::NoClasses),
    /// [`ImagesOutsideClasses`](FolderProblem::ImagesOutsideClasses),
    /// [`Nested`](FolderProblem::Nested) and [`Splits`](FolderProblem::Splits) for sub-folders that
    /// are not classes, [`ClassesDiffer`](FolderProblem::ClassesDiffer).
    pub(super) fn classes(&mut self, order: &ClassOrder) -> Result<Classes> {
        self.remove_own_output();
        self.expect_images()?;
        let mut names = self.sub_folders();
        match order {
            ClassOrder::Natural => names.sort_by(|a, b| natural_order(a, b)),
            ClassOrder::Bytewise => {}
            ClassOrder::Named(given) => names = self.expect_classes(given, names)?,
        }
        self.check_classes(&names)?;
        let number: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let class = |file: &ImageFile| Some(number[&*name(file.class()?)]);
        let labels = self.files.iter().filter_map(class).collect();
        let warnings = self.class_warnings(&names);
        Ok(Classes { names, labels, warnings })
    }

    /// The topmost sub-folders that have images, in bytewise order.
    fn sub_folders(&self) -> Vec<String> {
        let found: BTreeSet<&OsStr> = self.files.iter().filter_map(ImageFile::class).collect();
        found.into_iter().map(name).collect()
    }

    /// Checks that the classes of the configuration are exactly those of the folder.
    fn expect_classes(
        &self,
        given: &[String],
        found: Vec<String>,
    ) -> Result<Vec<String>, FolderProblem> {
        let without = |names: &[String], others: &[String]| -> Vec<String> {
            names.iter().filter(|name| !others.contains(name)).cloned().collect()
        };
        let (missing, new) = (without(given, &found), without(&found, given));
        match missing.is_empty() && new.is_empty() {
            true => Ok(given.to_vec()),
            false => Err(FolderProblem::ClassesDiffer { folder: self.path.clone(), missing, new }),
        }
    }

    /// Checks that the sub-folders are classes.
    fn check_classes(&self, names: &[String]) -> Result<(), FolderProblem> {
        let folder = self.path.clone();
        let mut outside = self.files.iter().filter(|file| file.class().is_none());
        let first = outside.next().map(|file| file.name.clone());
        match (names, first) {
            ([], _) => Err(FolderProblem::NoClasses { folder }),
            (_, Some(first)) => Err(FolderProblem::ImagesOutsideClasses {
                folder,
                count: 1 + outside.count(),
                first,
            }),
            (names, None) if are_splits(names) => {
                Err(FolderProblem::Splits { folder, splits: names.to_vec() })
            }
            ([_], None) => self.expect_flat(),
            _ => Ok(()),
        }
    }

    /// Checks that the images of the only class are in one folder.
    fn expect_flat(&self) -> Result<(), FolderProblem> {
        let (folder, common) = (self.path.clone(), self.common_folder());
        let sub_folders = self.sub_folders_of(&common);
        match sub_folders.len() {
            0 | 1 => Ok(()),
            _ if are_splits(&sub_folders) => {
                Err(FolderProblem::Splits { folder: folder.join(common), splits: sub_folders })
            }
            _ => Err(FolderProblem::Nested { inner: folder.join(common), folder, sub_folders }),
        }
    }

    /// The innermost folder, relative to this one, that contains all images.
    fn common_folder(&self) -> PathBuf {
        let mut folders = self.files.iter().filter_map(|file| file.name.parent());
        let first = folders.next().map(Path::to_owned).unwrap_or_default();
        folders.fold(first, |common, folder| {
            let both = common.iter().zip(folder).take_while(|(a, b)| a == b);
            both.map(|(part, _)| part).collect()
        })
    }

    /// The sub-folders with images of a folder, given by its path relative to this one.
    fn sub_folders_of(&self, folder: &Path) -> Vec<String> {
        let depth = folder.iter().count();
        let found: BTreeSet<&OsStr> =
            self.files.iter().filter_map(|file| file.name.parent()?.iter().nth(depth)).collect();
        found.into_iter().map(name).collect()
    }

    fn class_warnings(&self, names: &[String]) -> Vec<String> {
        let empty: Vec<_> = self.skipped.empty(names).collect();
        let empty = (!empty.is_empty()).then(|| {
            format!("folders without readable images are not classes: {}", listed(&empty))
        });
        let mixed: Vec<_> = self.mixed_classes().into_iter().collect();
        let mixed = (!mixed.is_empty())
            .then(|| format!("classes with images in sub-folders, too: {}", listed(&mixed)));
        empty.into_iter().chain(mixed).collect()
    }

    /// Classes that have images both in their folder and in sub-folders, or in several of these.
    fn mixed_classes(&self) -> BTreeSet<String> {
        let mut folders: BTreeMap<&OsStr, Option<&Path>> = BTreeMap::new();
        let mut mixed = BTreeSet::new();
        for file in &self.files {
            let Some(class) = file.class() else { continue };
            let folder = file.name.parent();
            if *folders.entry(class).or_insert(folder) != folder {
                mixed.insert(name(class));
            }
        }
        mixed
    }

    /// A warning for training without classes, if the folder has several splits.
    pub(super) fn splits_warning(&self) -> Option<String> {
        let common = self.common_folder();
        let names = self.sub_folders_of(&common);
        are_splits(&names).then(|| {
            let train = self.path.join(common).join(training_split(&names));
            let (splits, train) = (names.join(", "), train.display());
            format!("all splits of the data set are used: {splits}; to use only one, name {train}")
        })
    }

    /// Removes own output that has no class, and classes that have only own output. Own output
    /// among images of a class is found when it is decoded.
    fn remove_own_output(&mut self) {
        let folder = self.path.clone();
        let is_own_output = |file: &ImageFile| {
            let path = folder.join(&file.name);
            first_bytes(&path, mark::BEGINNING).is_ok_and(|bytes| mark::is_own_output(&bytes))
        };
        let flat = self.files.iter().all(|file| file.class().is_none());
        let files = mem::take(&mut self.files);
        for class in files.chunk_by(|a, b| a.class() == b.class()) {
            let beside_classes = class[0].class().is_none() && !flat;
            let mut all_so_far = true;
            for file in class {
                all_so_far = (all_so_far || beside_classes) && is_own_output(file);
                match all_so_far {
                    true => self.skipped.add_own_output(file.name.clone()),
                    false => self.files.push(file.clone()),
                }
            }
        }
    }
}

/// The name of a class, which is unique.
fn name(folder: &OsStr) -> String {
    match folder.to_str() {
        Some(name) => name.to_owned(),
        None => folder.as_encoded_bytes().escape_ascii().to_string(),
    }
}

/// Whether all names are splits of a data set, of at least two kinds.
fn are_splits(names: &[String]) -> bool {
    let kinds: Option<BTreeSet<usize>> = names.iter().map(|name| split(name)).collect();
    kinds.is_some_and(|kinds| kinds.len() > 1)
}

/// The kind of split with this name, such as `testA` or `val2017`.
fn split(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let names = [bare, bare.strip_suffix(['a', 'b']).unwrap_or(bare)];
    SPLITS.iter().position(|kind| names.iter().any(|name| kind.contains(name)))
}

/// Natural sort order: bytewise, but with numbers compared as numbers: `2`, `10`, `b2`, `b10`.
fn natural_order(a: &str, b: &str) -> Ordering {
    let (mut left, mut right) = (a, b);
    while !left.is_empty() && !right.is_empty() {
        let rest = (left, right);
        let order = match (number(&mut left), number(&mut right)) {
            (Some(one), Some(other)) => (one.len(), one).cmp(&(other.len(), other)),
            (None, None) => character(&mut left).cmp(&character(&mut right)),
            _ => rest.0.cmp(rest.1),
        };
        if order.is_ne() {
            return order;
        }
    }
    left.len().cmp(&right.len()).then_with(|| a.cmp(b))
}

/// Takes the leading digits off a text and returns them without leading zeros.
fn number<'a>(text: &mut &'a str) -> Option<&'a str> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    *text = rest;
    (!digits.is_empty()).then(|| digits.trim_start_matches('0'))
}

fn character(text: &mut &str) -> Option<char> {
    let mut characters = text.chars();
    let first = characters.next();
    *text = characters.as_str();
    first
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_sort_numerically_and_all_else_bytewise() {
        let sorted = [
            "",
            "0",
            "02",
            "2",
            "10",
            "011",
            "99999999999999999999999",
            "B",
            "a",
            "b",
            "b2",
            "b2c",
            "b10",
            "b10a",
            "ä",
        ];
        for (i, a) in sorted.iter().enumerate() {
            for (j, b) in sorted.iter().enumerate() {
                assert_eq!(natural_order(a, b), i.cmp(&j), "{a:?} and {b:?}");
            }
        }
    }
}

//! The classes of a folder of images: its topmost sub-folders.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::mem;
use std::path::{Path, PathBuf};

use super::listing::{ImageFile, first_bytes};
use super::problem::{listed, training_part};
use super::{FolderProblem, ImageFolder};
use crate::data::{ClassOrder, Result};
use crate::mark;

/// What the parts of a data set are called, none of which is a class: `train`, `testA`, `val2017`.
const PARTS: [&[&str]; 3] =
    [&["train", "training"], &["test", "testing", "eval"], &["val", "valid", "validation", "dev"]];

/// Names of classes, by their numbers, and the class of each image of a folder.
pub(super) struct Classes {
    pub names: Vec<String>,
    pub labels: Vec<u32>,
    /// What somebody may not have meant.
    pub warnings: Vec<String>,
}

impl ImageFolder {
    /// The classes, which are the sub-folders that have images. Whatever lies deeper belongs to the
    /// topmost sub-folder. Pictures that this program wrote make no class, and have none: those that
    /// would are taken from the listing.
    ///
    /// # Errors
    /// [`FolderProblem`]: [`NoClasses`](FolderProblem::NoClasses),
    /// [`NoClass`](FolderProblem::NoClass) for images beside sub-folders,
    /// [`Nested`](FolderProblem::Nested) and [`Parts`](FolderProblem::Parts) for sub-folders that
    /// are no classes, [`OtherClasses`](FolderProblem::OtherClasses).
    pub(super) fn classes(&mut self, order: &ClassOrder) -> Result<Classes> {
        self.take_out_ours();
        self.expect_images()?;
        let mut names = self.sub_folders();
        match order {
            ClassOrder::Natural => names.sort_by(|a, b| natural(a, b)),
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

    /// The topmost sub-folders that have images, byte by byte.
    fn sub_folders(&self) -> Vec<String> {
        let found: BTreeSet<&OsStr> = self.files.iter().filter_map(ImageFile::class).collect();
        found.into_iter().map(name).collect()
    }

    /// The names that a run has, which must be those that are here.
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
            false => Err(FolderProblem::OtherClasses { folder: self.path.clone(), missing, new }),
        }
    }

    /// Makes sure that the sub-folders are classes.
    fn check_classes(&self, names: &[String]) -> Result<(), FolderProblem> {
        let folder = self.path.clone();
        let mut outside = self.files.iter().filter(|file| file.class().is_none());
        let first = outside.next().map(|file| file.name.clone());
        match (names, first) {
            ([], _) => Err(FolderProblem::NoClasses { folder }),
            (_, Some(first)) => {
                Err(FolderProblem::NoClass { folder, count: 1 + outside.count(), first })
            }
            (names, None) if are_parts(names) => {
                Err(FolderProblem::Parts { folder, parts: names.to_vec() })
            }
            ([_], None) => self.expect_flat(),
            _ => Ok(()),
        }
    }

    /// Makes sure that the images of the only class lie in one folder.
    fn expect_flat(&self) -> Result<(), FolderProblem> {
        let (folder, common) = (self.path.clone(), self.common_folder());
        let sub_folders = self.sub_folders_of(&common);
        match sub_folders.len() {
            0 | 1 => Ok(()),
            _ if are_parts(&sub_folders) => {
                Err(FolderProblem::Parts { folder: folder.join(common), parts: sub_folders })
            }
            _ => Err(FolderProblem::Nested { inner: folder.join(common), folder, sub_folders }),
        }
    }

    /// The innermost folder, relative to this one, that all images are in.
    fn common_folder(&self) -> PathBuf {
        let mut folders = self.files.iter().filter_map(|file| file.name.parent());
        let first = folders.next().map(Path::to_owned).unwrap_or_default();
        folders.fold(first, |common, folder| {
            let both = common.iter().zip(folder).take_while(|(a, b)| a == b);
            both.map(|(part, _)| part).collect()
        })
    }

    /// The sub-folders with images of a folder, by its path relative to this one.
    fn sub_folders_of(&self, folder: &Path) -> Vec<String> {
        let depth = folder.iter().count();
        let found: BTreeSet<&OsStr> =
            self.files.iter().filter_map(|file| file.name.parent()?.iter().nth(depth)).collect();
        found.into_iter().map(name).collect()
    }

    fn class_warnings(&self, names: &[String]) -> Vec<String> {
        let empty: Vec<_> = self.left_out.empty(names).collect();
        let empty = (!empty.is_empty()).then(|| {
            format!("no classes, as they have no image that can be read: {}", listed(&empty))
        });
        let mixed: Vec<_> = self.mixed_classes().into_iter().collect();
        let mixed = (!mixed.is_empty())
            .then(|| format!("classes have images in sub-folders, too: {}", listed(&mixed)));
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

    /// For whoever takes all images alike.
    pub(super) fn parts_warning(&self) -> Option<String> {
        let common = self.common_folder();
        let names = self.sub_folders_of(&common);
        are_parts(&names).then(|| {
            let train = self.path.join(common).join(training_part(&names));
            let (parts, train) = (names.join(", "), train.display());
            format!("all parts of the data set are taken: {parts}; for one alone, name {train}")
        })
    }

    /// Takes out pictures of ours that have no class, and classes that have only such. One that lies
    /// among images of a class is found when it is decoded.
    fn take_out_ours(&mut self) {
        let folder = self.path.clone();
        let is_ours = |file: &ImageFile| {
            let path = folder.join(&file.name);
            first_bytes(&path, mark::BEGINNING).is_ok_and(|bytes| mark::is_ours(&bytes))
        };
        let flat = self.files.iter().all(|file| file.class().is_none());
        let files = mem::take(&mut self.files);
        for class in files.chunk_by(|a, b| a.class() == b.class()) {
            let beside_classes = class[0].class().is_none() && !flat;
            let mut all_so_far = true;
            for file in class {
                all_so_far = (all_so_far || beside_classes) && is_ours(file);
                match all_so_far {
                    true => self.left_out.add_ours(file.name.clone()),
                    false => self.files.push(file.clone()),
                }
            }
        }
    }
}

/// The name of a class; two names are never alike.
fn name(folder: &OsStr) -> String {
    match folder.to_str() {
        Some(name) => name.to_owned(),
        None => folder.as_encoded_bytes().escape_ascii().to_string(),
    }
}

/// Whether all are parts of a data set, of two kinds at least.
fn are_parts(names: &[String]) -> bool {
    let kinds: Option<BTreeSet<usize>> = names.iter().map(|name| part(name)).collect();
    kinds.is_some_and(|kinds| kinds.len() > 1)
}

/// Of which kind of part this is the name; `testA` and `val2017` are, too.
fn part(name: &str) -> Option<usize> {
    let name = name.to_lowercase();
    let bare = name.trim_end_matches(|c: char| c.is_ascii_digit());
    let names = [bare, bare.strip_suffix(['a', 'b']).unwrap_or(bare)];
    PARTS.iter().position(|kind| names.iter().any(|name| kind.contains(name)))
}

/// Byte by byte, but for numbers, which are sorted as such: `2`, `10`, `b2`, `b10`.
fn natural(a: &str, b: &str) -> Ordering {
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

/// The digits that a text begins with, but for zeros in front; they are taken off it.
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
    fn numbers_sort_as_numbers_and_all_else_byte_by_byte() {
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
                assert_eq!(natural(a, b), i.cmp(&j), "{a:?} and {b:?}");
            }
        }
    }
}

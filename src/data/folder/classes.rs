//! The classes of a folder of images: its topmost sub-folders.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::mem;

use super::listing::{ImageFile, first_bytes};
use super::problem::{listed, training_part};
use super::{FolderProblem, ImageFolder};
use crate::data::{ClassOrder, Result};
use crate::mark;

/// What the parts of a data set are called, none of which is a class.
const PARTS: [&str; 9] =
    ["train", "training", "test", "testing", "val", "valid", "validation", "dev", "eval"];

/// Names of classes, by their numbers, and the class of each image of a folder.
pub(super) struct Classes {
    pub names: Vec<String>,
    pub labels: Vec<u32>,
    /// What somebody may not have meant.
    pub warnings: Vec<String>,
}

/// Sub-folders by the classes that they are in.
type Nested = BTreeMap<String, BTreeSet<String>>;

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
        let nested = self.nested();
        self.check_classes(&names, &nested)?;
        let number: BTreeMap<&str, u32> = names.iter().map(String::as_str).zip(0..).collect();
        let class = |file: &ImageFile| Some(number[&*file.class()?.to_string_lossy()]);
        let labels = self.files.iter().filter_map(class).collect();
        let warnings = self.class_warnings(&names, nested);
        Ok(Classes { names, labels, warnings })
    }

    /// The topmost sub-folders that have images, byte by byte.
    fn sub_folders(&self) -> Vec<String> {
        let found: BTreeSet<&OsStr> = self.files.iter().filter_map(ImageFile::class).collect();
        found.into_iter().map(|name| name.to_string_lossy().into_owned()).collect()
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

    /// Makes sure that the sub-folders are classes; `nested` are their own sub-folders.
    fn check_classes(&self, names: &[String], nested: &Nested) -> Result<(), FolderProblem> {
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
            ([only], None) => match nested.get(only).filter(|inner| inner.len() > 1) {
                Some(inner) => {
                    let (only, inner) = (only.clone(), inner.iter().cloned().collect());
                    Err(FolderProblem::Nested { folder, only, inner })
                }
                None => Ok(()),
            },
            _ => Ok(()),
        }
    }

    /// The sub-folders of classes that have images, by their classes.
    fn nested(&self) -> Nested {
        let mut nested = Nested::new();
        for file in &self.files {
            let mut parts = file.name.iter();
            if let (Some(class), Some(inner), Some(_)) = (parts.next(), parts.next(), parts.next())
            {
                let name = |name: &OsStr| name.to_string_lossy().into_owned();
                nested.entry(name(class)).or_default().insert(name(inner));
            }
        }
        nested
    }

    fn class_warnings(&self, names: &[String], nested: Nested) -> Vec<String> {
        let empty = self.left_out.empty(names).map(|name| {
            format!("{name} is no class: none of its files is an image that can be read")
        });
        let nested = nested.into_iter().map(|(class, inner)| {
            let inner: Vec<_> = inner.into_iter().collect();
            format!("class {class} has the images of its sub-folders, too: {}", listed(&inner))
        });
        empty.chain(nested).collect()
    }

    /// For whoever takes all images alike.
    pub(super) fn parts_warning(&self) -> Option<String> {
        let names = self.sub_folders();
        are_parts(&names).then(|| {
            let (parts, train) = (names.join(", "), self.path.join(training_part(&names)));
            let train = train.display();
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

fn are_parts(names: &[String]) -> bool {
    names.len() > 1
        && names.iter().all(|name| PARTS.iter().any(|part| name.eq_ignore_ascii_case(part)))
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

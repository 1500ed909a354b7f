//! The source of a run's images: a data set known by name, or a folder of images or IDX files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::locate::{SearchPaths, image_prefix};
use super::unsupported::unsupported_format;
use super::{DatasetKind, gzip};
use crate::choice::{Choice, serialize_as_text};
use crate::text::folder_name;

/// The value of `--dataset`, stored in `config.toml` as one string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A data set known by name.
    Named(DatasetKind),
    /// The absolute path of a folder of images or IDX files, or of one IDX image file.
    Folder(PathBuf),
}

impl Source {
    /// Parses a command-line argument: a known name, or the path of an existing folder or of a file
    /// that may be an IDX file.
    ///
    /// # Errors
    /// A message that says what is accepted.
    pub fn from_argument(text: &str) -> Result<Source, String> {
        if let Some(kind) = known(text) {
            return Ok(Source::Named(kind));
        }
        let path = Path::new(text);
        match std::path::absolute(path) {
            Ok(absolute) if absolute.to_str().is_none() => {
                Err("is in a folder whose name is not UTF-8; rename that folder".into())
            }
            // A resumed run compares paths, so they have one spelling, without a trailing slash.
            Ok(absolute) if path.is_dir() || is_idx(path) => {
                Ok(Source::Folder(absolute.components().collect()))
            }
            _ if path.exists() => Err(unsupported_format(path).unwrap_or_else(|| {
                "is a file; name the folder of the images, or an IDX image file".into()
            })),
            _ => Err(format!(
                "is neither one of {} nor an existing folder; give one of these names, or a folder of \
                 images",
                names()
            )),
        }
    }

    /// The search paths for its files on this machine; files of a known name are searched only in
    /// `data_dir` if that is set.
    pub fn search_paths(&self, data_dir: Option<&Path>) -> SearchPaths {
        match self {
            Source::Named(kind) => SearchPaths::for_dataset(*kind, data_dir),
            Source::Folder(_) => SearchPaths::default(),
        }
    }

    /// The name of the data set or folder, for run names and titles. An IDX file is called by its
    /// prefix, such as `emnist-letters`, or else by its folder.
    pub fn name(&self) -> String {
        match self {
            Source::Named(kind) => kind.name().to_owned(),
            Source::Folder(path) => match image_prefix(path) {
                Some(prefix) => set_name(path, prefix),
                None => folder_name(path),
            },
        }
    }
}

/// Parses a stored source; the folder may no longer exist.
impl FromStr for Source {
    type Err = String;

    fn from_str(text: &str) -> Result<Source, String> {
        match known(text) {
            Some(kind) => Ok(Source::Named(kind)),
            None if Path::new(text).is_absolute() => Ok(Source::Folder(text.into())),
            None => Err(format!("{text:?} is neither one of {} nor an absolute path", names())),
        }
    }
}

serialize_as_text!(Source);

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Named(kind) => kind.fmt(f),
            Source::Folder(path) => path.display().fmt(f),
        }
    }
}

/// Whether a file may be an IDX file, gzipped or not, by its name or its first bytes.
fn is_idx(path: &Path) -> bool {
    let start = || -> io::Result<[u8; 2]> {
        let mut start = [0; 2];
        File::open(path)?.read_exact(&mut start)?;
        Ok(start)
    };
    let has_magic = || start().is_ok_and(|start| [[0, 0], gzip::MAGIC].contains(&start));
    path.is_file()
        && unsupported_format(path).is_none()
        && (image_prefix(path).is_some() || has_magic())
}

fn set_name(images: &Path, prefix: &str) -> String {
    match prefix.strip_suffix("train-").unwrap_or(prefix).trim_end_matches(['-', '_']) {
        "" => folder_name(images.parent().unwrap_or(images)),
        prefix => prefix.to_owned(),
    }
}

fn known(name: &str) -> Option<DatasetKind> {
    name.parse().ok()
}

fn names() -> String {
    let names: Vec<_> = DatasetKind::ALL.iter().map(|kind| kind.name()).collect();
    names.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_names_take_precedence_over_folders() {
        assert_eq!(Source::from_argument("mnist"), Ok(Source::Named(DatasetKind::Mnist)));
        assert_eq!(
            Source::from_argument("fashion-mnist"),
            Ok(Source::Named(DatasetKind::FashionMnist))
        );
        for text in ["Mnist", "mnist ", "", "no-such-folder"] {
            let message = Source::from_argument(text).unwrap_err();
            let expected = "is neither one of mnist, fashion-mnist, stacked-mnist nor";
            assert!(message.contains(expected), "{text}: {message}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let message = Source::from_argument(&file.path().to_string_lossy()).unwrap_err();
        assert!(message.contains("is a file"), "{message}");
    }

    #[test]
    fn idx_file_is_named_by_its_prefix_or_its_folder() {
        for (path, name) in [
            ("/data/gzip/emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters"),
            ("/data/gzip/qmnist-test-images.idx3-ubyte", "qmnist-test"),
            ("/data/kuzushiji/train-images-idx3-ubyte", "kuzushiji"),
        ] {
            assert_eq!(Source::Folder(path.into()).name(), name);
        }
    }

    #[test]
    fn folder_is_stored_as_absolute_path_and_named_by_its_last_component() {
        // Works in any current folder.
        let here = std::env::current_dir().unwrap();
        let name = |folder: Option<&Path>| match folder.and_then(Path::file_name) {
            Some(name) => name.to_string_lossy().into_owned(),
            None => "images".to_owned(),
        };
        let source = Source::from_argument("./").unwrap();
        assert_eq!(source, Source::Folder(here.clone()));
        assert_eq!(source.name(), name(Some(&here)));
        assert_eq!(Source::from_argument("./..").unwrap().name(), name(here.parent()));
        assert_eq!(Source::Folder("/".into()).name(), "images");
    }

    #[test]
    fn stored_source_is_read_back_after_its_folder_is_deleted() {
        for source in [Source::Named(DatasetKind::FashionMnist), Source::Folder("/gone/at".into())]
        {
            let text = serde_json::to_string(&source).unwrap();
            assert_eq!(serde_json::from_str::<Source>(&text).unwrap(), source, "{text}");
        }
        assert_eq!(serde_json::to_value(Source::Named(DatasetKind::Mnist)).unwrap(), "mnist");
    }
}

//! Where a run's images come from: a data set known by its name, or a folder of images or IDX files.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::locate::{Places, image_head};
use super::other::other_format;
use super::{DatasetKind, gzip};
use crate::choice::{Choice, serialize_as_text};
use crate::text::folder_name;

/// What `--dataset` names, and `config.toml` remembers as one string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A data set known by its name.
    Named(DatasetKind),
    /// A folder of images or of IDX files, or one IDX file of images, by its absolute path.
    Folder(PathBuf),
}

impl Source {
    /// What was typed: one of the known names, exactly, or else the path of a folder that is there,
    /// or of a file that may be an IDX file.
    ///
    /// # Errors
    /// Words that say what would have done.
    pub fn typed(text: &str) -> Result<Source, String> {
        if let Some(kind) = known(text) {
            return Ok(Source::Named(kind));
        }
        let path = Path::new(text);
        match std::path::absolute(path) {
            Ok(absolute) if absolute.to_str().is_none() => {
                Err("lies below a folder whose name is not UTF-8; rename that".into())
            }
            // One spelling of a path, without a slash at its end, for runs that go on.
            Ok(absolute) if path.is_dir() || is_idx(path) => {
                Ok(Source::Folder(absolute.components().collect()))
            }
            _ if path.exists() => Err(other_format(path).unwrap_or_else(|| {
                "is a file; give the folder that the images are in, or an IDX file of images".into()
            })),
            _ => Err(format!(
                "neither one of {} nor a folder that is there; give such a name, or a folder of \
                 images",
                names()
            )),
        }
    }

    /// Where its files are looked for on this machine: those of a known name in `data_dir`, if there
    /// is one.
    pub fn places(&self, data_dir: Option<&Path>) -> Places {
        match self {
            Source::Named(kind) => Places::of_machine(*kind, data_dir),
            Source::Folder(_) => Places::default(),
        }
    }

    /// The last name of the folder, or the data set's own: for the names of runs, and titles. An
    /// IDX file is called by its prefix, as `emnist-letters`, or by its folder if it has none.
    pub fn name(&self) -> String {
        match self {
            Source::Named(kind) => kind.name().to_owned(),
            Source::Folder(path) => match image_head(path) {
                Some(head) => set_name(path, head),
                None => folder_name(path),
            },
        }
    }
}

/// What was written down; the folder may have gone since.
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

/// Whether a file may be an IDX file, gzipped or not, going by its name and its first bytes.
fn is_idx(path: &Path) -> bool {
    let start = || -> io::Result<[u8; 2]> {
        let mut start = [0; 2];
        File::open(path)?.read_exact(&mut start)?;
        Ok(start)
    };
    let begins = || start().is_ok_and(|start| [[0, 0], gzip::MAGIC].contains(&start));
    path.is_file() && other_format(path).is_none() && (image_head(path).is_some() || begins())
}

fn set_name(images: &Path, head: &str) -> String {
    match head.strip_suffix("train-").unwrap_or(head).trim_end_matches(['-', '_']) {
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
    fn known_names_come_before_folders() {
        assert_eq!(Source::typed("mnist"), Ok(Source::Named(DatasetKind::Mnist)));
        assert_eq!(Source::typed("fashion-mnist"), Ok(Source::Named(DatasetKind::FashionMnist)));
        for text in ["Mnist", "mnist ", "", "no-such-folder"] {
            let words = Source::typed(text).unwrap_err();
            assert!(words.contains("neither one of mnist, fashion-mnist nor"), "{text}: {words}");
        }
        let file = tempfile::NamedTempFile::new().unwrap();
        let words = Source::typed(&file.path().to_string_lossy()).unwrap_err();
        assert!(words.contains("is a file"), "{words}");
    }

    #[test]
    fn an_idx_file_is_called_by_its_prefix_or_else_by_its_folder() {
        for (path, name) in [
            ("/data/gzip/emnist-letters-train-images-idx3-ubyte.gz", "emnist-letters"),
            ("/data/gzip/qmnist-test-images.idx3-ubyte", "qmnist-test"),
            ("/data/kuzushiji/train-images-idx3-ubyte", "kuzushiji"),
        ] {
            assert_eq!(Source::Folder(path.into()).name(), name);
        }
    }

    #[test]
    fn a_folder_is_remembered_by_its_absolute_path_and_called_by_its_last_name() {
        // Of whatever folder the tests run in.
        let here = std::env::current_dir().unwrap();
        let name = |folder: Option<&Path>| match folder.and_then(Path::file_name) {
            Some(name) => name.to_string_lossy().into_owned(),
            None => "images".to_owned(),
        };
        let source = Source::typed("./").unwrap();
        assert_eq!(source, Source::Folder(here.clone()));
        assert_eq!(source.name(), name(Some(&here)));
        assert_eq!(Source::typed("./..").unwrap().name(), name(here.parent()));
        assert_eq!(Source::Folder("/".into()).name(), "images");
    }

    #[test]
    fn what_is_written_down_is_read_back_though_the_folder_is_gone() {
        for source in [Source::Named(DatasetKind::FashionMnist), Source::Folder("/gone/at".into())]
        {
            let text = serde_json::to_string(&source).unwrap();
            assert_eq!(serde_json::from_str::<Source>(&text).unwrap(), source, "{text}");
        }
        assert_eq!(serde_json::to_value(Source::Named(DatasetKind::Mnist)).unwrap(), "mnist");
    }
}

//! Where a run's images come from: a data set known by its name, or a folder of images.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::DatasetKind;
use crate::choice::{Choice, kept_as_text};
use crate::text::folder_name;

/// What `--dataset` names, and `config.toml` remembers as one string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A data set known by its name.
    Named(DatasetKind),
    /// A folder of images, by its absolute path.
    Folder(PathBuf),
}

impl Source {
    /// What was typed: one of the known names, exactly, or else the path of a folder that is there.
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
            Ok(absolute) if path.is_dir() => Ok(Source::Folder(absolute.components().collect())),
            _ if path.exists() => Err("is a file; give the folder that the images are in".into()),
            _ => Err(format!(
                "neither one of {} nor a folder that is there; give such a name, or a folder of \
                 images",
                names()
            )),
        }
    }

    /// The last name of the folder, or the data set's own: for the names of runs, and titles.
    pub fn name(&self) -> String {
        match self {
            Source::Named(kind) => kind.name().to_owned(),
            Source::Folder(path) => folder_name(path),
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

kept_as_text!(Source);

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Source::Named(kind) => kind.fmt(f),
            Source::Folder(path) => path.display().fmt(f),
        }
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

//! File names of data sets. They follow MNIST's `train-images-idx3-ubyte`; other data sets add a
//! prefix, as in `emnist-letters-train-images-idx3-ubyte.gz`.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::file_error::FileError;

const IMAGES: [&str; 2] = ["images-idx3-ubyte", "images.idx3-ubyte"];
const LABELS: [&str; 4] =
    ["labels-idx1-ubyte", "labels.idx1-ubyte", "labels-idx2-int", "labels.idx2-int"];

/// Prefix of a training set's file names, before "images" and "labels".
pub(super) const TRAIN: &str = "train-";

/// Prefixes of a test set's file names.
pub(super) const TEST: [&str; 2] = ["t10k-", "test-"];

/// The accepted spellings of a file name, in search order.
pub(in crate::data) fn spellings(name: &str) -> [String; 4] {
    let (start, end) = name.rsplit_once("-idx").unwrap_or((name, ""));
    let dotted = format!("{start}.idx{end}");
    [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")]
}

/// The accepted names of an image file with this prefix.
pub(super) fn image_names(prefix: &str) -> Vec<String> {
    spellings(&format!("{prefix}{}", IMAGES[0])).to_vec()
}

/// The accepted names of a label file with this prefix; the last ones are QMNIST's.
pub(super) fn label_names(prefix: &str) -> Vec<String> {
    [LABELS[0], LABELS[2]].map(|name| spellings(&format!("{prefix}{name}"))).concat()
}

/// The prefix of an image file's name: what comes before "images".
pub(in crate::data) fn image_prefix(path: &Path) -> Option<&str> {
    prefix_before(path.file_name()?.to_str()?, &IMAGES)
}

fn prefix_before<'a>(name: &'a str, suffixes: &[&str]) -> Option<&'a str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    suffixes.iter().find_map(|suffix| name.strip_suffix(suffix))
}

/// The prefixes of all image and label files in a folder, which may not exist.
pub(super) fn prefixes(folder: &Path) -> Result<BTreeSet<String>, FileError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(error.kind()) => return Ok(BTreeSet::new()),
        entries => entries.map_err(FileError::at("list", folder))?,
    };
    let mut prefixes = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(FileError::at("list", folder))?.file_name();
        let prefix = name
            .to_str()
            .and_then(|name| prefix_before(name, &IMAGES).or_else(|| prefix_before(name, &LABELS)));
        prefixes.extend(prefix.map(str::to_owned));
    }
    Ok(prefixes)
}

/// The first file in `folder` with one of these names. Archives that hold each file in a folder of
/// the same name unpack to a folder with the name of the file; then the file is looked for in
/// there.
pub(in crate::data) fn first_file(
    folder: &Path,
    names: &[String],
) -> Result<Option<PathBuf>, FileError> {
    for name in names {
        let path = folder.join(name);
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_dir() => {
                let mut inner = names.iter().map(|name| path.join(name));
                if let Some(file) = inner.find(|file| file.is_file()) {
                    return Ok(Some(file));
                }
            }
            Ok(_) => return Ok(Some(path)),
            Err(error) if is_absent(error.kind()) => {}
            Err(error) => return Err(FileError::at("look for", &path)(error)),
        }
    }
    Ok(None)
}

fn is_absent(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

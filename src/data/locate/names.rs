//! How the files of a data set are named, as MNIST's are: `train-images-idx3-ubyte`, which other
//! data sets put a prefix before, as in `emnist-letters-train-images-idx3-ubyte.gz`.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use crate::file_error::FileError;

const IMAGES: [&str; 2] = ["images-idx3-ubyte", "images.idx3-ubyte"];
const LABELS: [&str; 4] =
    ["labels-idx1-ubyte", "labels.idx1-ubyte", "labels-idx2-int", "labels.idx2-int"];

/// What a training set's names begin with, before "images" and "labels".
pub(super) const TRAIN: &str = "train-";

/// The same of a test set.
pub(super) const TEST: [&str; 2] = ["t10k-", "test-"];

/// The names under which a file is looked for, the first one first.
pub(in crate::data) fn spellings(name: &str) -> [String; 4] {
    let (start, end) = name.rsplit_once("-idx").unwrap_or((name, ""));
    let dotted = format!("{start}.idx{end}");
    [name.to_owned(), format!("{name}.gz"), dotted.clone(), format!("{dotted}.gz")]
}

/// The names that an image file may have, after `head`.
pub(super) fn image_names(head: &str) -> Vec<String> {
    spellings(&format!("{head}{}", IMAGES[0])).to_vec()
}

/// The names that a label file may have, after `head`; the last are QMNIST's.
pub(super) fn label_names(head: &str) -> Vec<String> {
    [LABELS[0], LABELS[2]].map(|name| spellings(&format!("{head}{name}"))).concat()
}

/// The head of an image file's name.
pub(in crate::data) fn image_head(path: &Path) -> Option<&str> {
    head_before(path.file_name()?.to_str()?, &IMAGES)
}

fn head_before<'a>(name: &'a str, endings: &[&str]) -> Option<&'a str> {
    let name = name.strip_suffix(".gz").unwrap_or(name);
    endings.iter().find_map(|ending| name.strip_suffix(ending))
}

/// The heads of all image and label files in a folder, which need not be there.
pub(super) fn heads(folder: &Path) -> Result<BTreeSet<String>, FileError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if is_absent(error.kind()) => return Ok(BTreeSet::new()),
        entries => entries.map_err(FileError::at("list", folder))?,
    };
    let mut heads = BTreeSet::new();
    for entry in entries {
        let name = entry.map_err(FileError::at("list", folder))?.file_name();
        let head = name
            .to_str()
            .and_then(|name| head_before(name, &IMAGES).or_else(|| head_before(name, &LABELS)));
        heads.extend(head.map(str::to_owned));
    }
    Ok(heads)
}

/// The first file in `folder` with one of these names. Archives that hold each file in a folder of
/// its own name unpack to a folder where the file is expected; then the file is in there.
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

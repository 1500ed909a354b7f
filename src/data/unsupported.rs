//! Data set formats that this program does not read, detected by file extension.

use std::path::Path;

use super::{DatasetProblem, Error};

const TABLES: &str = "save its images as PNG files, one folder per class";
const ARCHIVES: &str = "unpack it and name the folder";

/// Extensions, what such a file is, and how to convert it.
const CONTAINERS: [(&[&str], &str, &str); 7] = [
    (&["csv", "tsv"], "a text table", TABLES),
    (&["npz", "npy"], "a NumPy array", TABLES),
    (&["mat"], "a MATLAB file", TABLES),
    (&["pt", "pth", "pkl", "pickle"], "a PyTorch or pickle file", TABLES),
    (&["parquet", "arrow", "feather"], "a Parquet or Arrow table", TABLES),
    (&["h5", "hdf5", "tfrecord", "tfrecords"], "an HDF5 or TFRecord file", TABLES),
    (&["zip", "tar", "tgz", "tar.gz", "tar.xz", "7z", "rar"], "an archive", ARCHIVES),
];

/// The problem with a file in such a format, as the end of a sentence; `None` for all other files.
pub(super) fn unsupported_format(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let has =
        |extension: &&str| name.strip_suffix(extension).is_some_and(|rest| rest.ends_with('.'));
    let (_, what, to_do) =
        CONTAINERS.iter().find(|(extensions, ..)| extensions.iter().any(&has))?;
    Some(format!(
        "is {what}; only folders of images and IDX files (train-images-idx3-ubyte) can be read: \
         {to_do}"
    ))
}

/// The error for a folder without readable data that has such a file.
pub(super) fn unsupported_file_in(folder: &Path) -> Option<Error> {
    let entries = folder.read_dir().ok()?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let found = paths.into_iter().find_map(|path| Some((unsupported_format(&path)?, path)));
    found.map(|(problem, path)| DatasetProblem::UnsupportedFormat { path, problem }.into())
}

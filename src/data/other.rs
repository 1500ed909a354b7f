//! Containers that data sets come in and this program does not read, told by the endings of names.

use std::path::Path;

use super::{DatasetProblem, Error};

const TABLES: &str = "write its images as PNG files, a folder for each class";
const ARCHIVES: &str = "unpack it and give the folder";

/// Endings, what such a file is, and what to do with it.
const CONTAINERS: [(&[&str], &str, &str); 7] = [
    (&["csv", "tsv"], "a table as text", TABLES),
    (&["npz", "npy"], "an array of NumPy", TABLES),
    (&["mat"], "a file of MATLAB", TABLES),
    (&["pt", "pth", "pkl", "pickle"], "a file of PyTorch or Python's pickle", TABLES),
    (&["parquet", "arrow", "feather"], "a table of Parquet or Arrow", TABLES),
    (&["h5", "hdf5", "tfrecord", "tfrecords"], "a container of records", TABLES),
    (&["zip", "tar", "tgz", "tar.gz", "tar.xz", "7z", "rar"], "an archive", ARCHIVES),
];

/// What is wrong with such a file, as the end of a sentence; nothing for all other files.
pub(super) fn other_format(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?.to_ascii_lowercase();
    let ends = |ending: &&str| name.strip_suffix(ending).is_some_and(|rest| rest.ends_with('.'));
    let (_, what, to_do) = CONTAINERS.iter().find(|(endings, ..)| endings.iter().any(&ends))?;
    Some(format!(
        "is {what}, and only folders of images and IDX files (train-images-idx3-ubyte) are read; \
         {to_do}"
    ))
}

/// The error for a folder without anything that can be read, if it has such a file.
pub(super) fn other_format_in(folder: &Path) -> Option<Error> {
    let entries = folder.read_dir().ok()?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort();
    let found = paths.into_iter().find_map(|path| Some((other_format(&path)?, path)));
    found.map(|(problem, path)| DatasetProblem::OtherFormat { path, problem }.into())
}

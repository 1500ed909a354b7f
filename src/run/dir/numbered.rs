//! Numbered folders: `00003-cgan-mnist`.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::names::{check_name, run_number};
use crate::file_error::FileError;
use crate::formats::files::names_in;
use crate::run::Result;

/// Creates the next folder in `runs_dir`, with a number above all others.
pub fn create_numbered(runs_dir: &Path, name: &str) -> Result<PathBuf> {
    check_name(name)?;
    fs::create_dir_all(runs_dir).map_err(FileError::at("create", runs_dir))?;
    // Names may differ, so create_dir alone would not make numbers unique. On a file system
    // without locks it still refuses an existing folder.
    let _lock = File::open(runs_dir).and_then(|folder| folder.lock().map(|()| folder));
    let mut number = numbered(runs_dir)?.last().map_or(0, |(highest, _)| highest + 1);
    loop {
        let path = runs_dir.join(format!("{number:05}-{name}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(FileError::at("create", &path)(error).into()),
        }
    }
}

/// The folders in `runs_dir` that have numbers, with them, ascending.
pub fn numbered(runs_dir: &Path) -> Result<Vec<(u64, PathBuf)>> {
    let numbered = |name: &String| Some((run_number(name)?, runs_dir.join(name)));
    let mut runs: Vec<_> = names_in(runs_dir)?.iter().filter_map(numbered).collect();
    runs.retain(|(_, path)| path.is_dir());
    runs.sort();
    Ok(runs)
}

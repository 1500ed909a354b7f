//! Files that are whole or absent: written under another name, synced, renamed.
//!
//! A run may be killed at any moment; whoever looks at its folder then finds the old picture or the
//! new one, never half of one. Files that only grow (log, statistics) are [`crate::run::journal`]'s.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::debug;

use crate::file_error::{FileError, Result};

/// The ending of what is being written or deleted; readers ignore it.
pub const TEMPORARY: &str = ".tmp";

/// Writes `bytes` to `path`, replacing what was there in one step that also survives a power cut.
///
/// # Errors
/// When the folder is missing, not writable or full; `path` is then as it was before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    let begun = Instant::now();
    let mut file = WholeFile::create(path)?;
    file.write(bytes)?;
    file.finish()?;
    debug!(path = %path.display(), bytes = bytes.len(), elapsed = ?begun.elapsed(), "wrote");
    Ok(())
}

/// As [`write_whole`], for bytes that are never in memory all together: `path` is as it was before
/// until they are finished, also when they never are.
pub struct WholeFile {
    path: PathBuf,
    temporary: PathBuf,
    file: File,
}

impl WholeFile {
    /// Begins.
    ///
    /// # Errors
    /// When the folder is missing or not writable.
    pub fn create(path: &Path) -> Result<Self> {
        let temporary = temporary_name(path);
        let file = File::create(&temporary).map_err(FileError::at("create", path))?;
        Ok(Self { path: path.to_owned(), temporary, file })
    }

    /// Adds bytes at the end.
    ///
    /// # Errors
    /// When the disk is full.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(FileError::at("write", &self.path))
    }

    /// Puts the file in its place, when it is on the disk.
    ///
    /// # Errors
    /// When the disk is full, or a folder is in that place.
    pub fn finish(self) -> Result<()> {
        self.file.sync_all().map_err(FileError::at("write", &self.path))?;
        fs::rename(&self.temporary, &self.path).map_err(FileError::at("write", &self.path))?;
        sync_folder(folder_of(&self.path))
    }
}

impl Drop for WholeFile {
    fn drop(&mut self) {
        // After `finish` there is none.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Makes sure that a file can be written at `path`, and leaves what is there as it is.
///
/// # Errors
/// When its folder is missing or not writable, or `path` is a folder.
pub fn check_writable(path: &Path) -> Result<()> {
    let temporary = temporary_name(path);
    let opened = match path.is_dir() {
        true => Err(std::io::ErrorKind::IsADirectory.into()),
        false => File::create(&temporary),
    };
    opened.map_err(FileError::at("write", path))?;
    remove_if_there(&temporary)
}

/// Waits until the names in a folder are on the disk, where the system has a way to.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        let folder = File::open(path).map_err(FileError::at("open", path))?;
        folder.sync_all().map_err(FileError::at("write", path))?;
    }
    Ok(())
}

/// Deletes a folder so that a kill half-way leaves nothing that looks whole.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    let doomed = with_ending(path, TEMPORARY);
    remove_if_there(&doomed)?;
    fs::rename(path, &doomed).map_err(FileError::at("rename", path))?;
    remove_if_there(&doomed)
}

/// Deletes a file or folder; that it is not there is fine.
pub(crate) fn remove_if_there(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(FileError::at("delete", path)),
    }
}

/// `path` with `ending` put after its last name.
pub(crate) fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

/// The names in a folder that are UTF-8 (every name this program gives is).
pub(crate) fn names_in(path: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(path).map_err(FileError::at("list", path))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    let names: std::io::Result<Vec<_>> = names.collect();
    Ok(names.map_err(FileError::at("list", path))?.into_iter().flatten().collect())
}

/// The process's number keeps two processes apart that write the same file.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}{TEMPORARY}", std::process::id()))
}

/// The folder a file is in; `.` for a bare name.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writing_replaces_the_file_and_leaves_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        write_whole(&path, b"first").unwrap();
        write_whole(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names_in(folder.path()).unwrap(), ["config.toml"]);
    }

    #[test]
    fn failed_write_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        fs::create_dir_all(target.join("inside")).unwrap();
        let error = write_whole(&target, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names_in(folder.path()).unwrap(), ["taken"]);
    }

    #[test]
    fn file_that_is_not_finished_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.npy");
        fs::write(&path, "old").unwrap();
        let mut file = WholeFile::create(&path).unwrap();
        file.write(b"ne").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut file = WholeFile::create(&path).unwrap();
        [b"ne", b"w!"].iter().for_each(|part| file.write(*part).unwrap());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new!");
        assert_eq!(names_in(folder.path()).unwrap(), ["images.npy"]);
    }

    #[test]
    fn asking_whether_a_file_can_be_written_touches_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grid.png");
        fs::write(&path, "old").unwrap();
        check_writable(&path).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names_in(folder.path()).unwrap(), ["grid.png"]);
        for bad in [folder.path().to_owned(), folder.path().join("missing/grid.png")] {
            let error = check_writable(&bad).unwrap_err().to_string();
            assert!(error.contains(bad.to_str().unwrap()), "{error}");
        }
        assert_eq!(names_in(folder.path()).unwrap(), ["grid.png"]);
    }

    #[test]
    fn bare_name_lies_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("grid.png")), Path::new("."));
    }
}

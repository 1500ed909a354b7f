//! Atomic file writes: write under a temporary name, sync, rename.
//!
//! A run may be killed at any moment; readers of its folder then find the old file or the new one,
//! never a partial one. Devices and pipes, such as `/dev/null` and `/dev/stdout`, are written
//! directly. Files that are only appended to (log, statistics) belong to [`crate::run::journal`].

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use tracing::debug;

use crate::file_error::{FileError, Result};

/// Suffix of files that are being written or deleted; readers ignore them.
pub const TEMPORARY: &str = ".tmp";

/// Writes `bytes` to `path` and replaces an existing file atomically, even in case of a power
/// failure.
///
/// # Errors
/// If the folder is missing, not writable or full; `path` is then unchanged.
pub fn write_atomic(path: &Path, bytes: &[u8]) -> Result<()> {
    let start = Instant::now();
    let mut file = AtomicFile::create(path)?;
    file.write(bytes)?;
    file.finish()?;
    debug!(path = %path.display(), bytes = bytes.len(), elapsed = ?start.elapsed(), "wrote");
    Ok(())
}

/// Like [`write_atomic`], for content that is written in parts: `path` is unchanged until
/// [`AtomicFile::finish`].
pub struct AtomicFile {
    path: PathBuf,
    /// None for a device or a pipe: to rename a file to `/dev/null` would replace the device.
    temporary: Option<PathBuf>,
    file: File,
}

impl AtomicFile {
    /// Creates the temporary file.
    ///
    /// # Errors
    /// If the folder is missing or not writable.
    pub fn create(path: &Path) -> Result<Self> {
        let temporary = (!is_device(path)).then(|| temporary_name(path));
        let file = match &temporary {
            Some(temporary) => File::create(temporary),
            None => OpenOptions::new().write(true).open(path),
        };
        let file = file.map_err(FileError::at("create", path))?;
        Ok(Self { path: path.to_owned(), temporary, file })
    }

    /// Appends bytes.
    ///
    /// # Errors
    /// I/O, such as a full disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.file.write_all(bytes).map_err(FileError::at("write", &self.path))
    }

    /// Syncs the file and renames it to `path`.
    ///
    /// # Errors
    /// I/O, such as a full disk, and if `path` is a folder.
    pub fn finish(self) -> Result<()> {
        let Some(temporary) = &self.temporary else { return Ok(()) };
        let written = self.file.sync_all().and_then(|()| fs::rename(temporary, &self.path));
        written.map_err(FileError::at("write", &self.path))?;
        sync_folder(folder_of(&self.path))
    }
}

impl Drop for AtomicFile {
    fn drop(&mut self) {
        // After `finish` it does not exist.
        let _ = self.temporary.as_ref().map(fs::remove_file);
    }
}

/// Checks that a file can be written at `path`; an existing file stays unchanged.
///
/// # Errors
/// If its folder is missing or not writable, or `path` is a folder.
pub fn check_writable(path: &Path) -> Result<()> {
    if is_device(path) {
        // Its reader, if it is a pipe, would see this check as all that is written.
        return Ok(());
    }
    let temporary = temporary_name(path);
    let opened = match path.is_dir() {
        true => Err(std::io::ErrorKind::IsADirectory.into()),
        false => File::create(&temporary),
    };
    opened.map_err(FileError::at("write", path))?;
    remove_if_exists(&temporary)
}

/// Whether `path` is something other than a regular file or a folder.
fn is_device(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Syncs a folder, that is the names in it, where the system supports that.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        let folder = File::open(path).map_err(FileError::at("open", path))?;
        folder.sync_all().map_err(FileError::at("write", path))?;
    }
    Ok(())
}

/// Deletes a folder atomically: if the process is killed, no partial folder remains under its name.
pub(crate) fn remove_folder(path: &Path) -> Result<()> {
    let renamed = with_suffix(path, TEMPORARY);
    remove_if_exists(&renamed)?;
    fs::rename(path, &renamed).map_err(FileError::at("rename", path))?;
    remove_if_exists(&renamed)
}

/// Deletes a file or folder if it exists.
pub(crate) fn remove_if_exists(path: &Path) -> Result<()> {
    let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
    match removed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        other => other.map_err(FileError::at("delete", path)),
    }
}

/// Appends `suffix` to the last component of `path`.
pub(crate) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The names in a folder that are valid UTF-8, as all names given by this program are.
pub(crate) fn names_in(path: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(path).map_err(FileError::at("list", path))?;
    let names = entries.map(|entry| entry.map(|entry| entry.file_name().into_string().ok()));
    let names: std::io::Result<Vec<_>> = names.collect();
    Ok(names.map_err(FileError::at("list", path))?.into_iter().flatten().collect())
}

/// The process ID keeps apart two processes that write the same file.
fn temporary_name(path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.{}{TEMPORARY}", std::process::id()))
}

/// The folder of a file; `.` for a bare name.
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
        write_atomic(&path, b"first").unwrap();
        write_atomic(&path, b"second").unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"second");
        assert_eq!(names_in(folder.path()).unwrap(), ["config.toml"]);
    }

    #[test]
    fn failed_write_names_the_file_and_leaves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let target = folder.path().join("taken");
        fs::create_dir_all(target.join("inside")).unwrap();
        let error = write_atomic(&target, b"x").unwrap_err();
        assert!(error.to_string().contains("taken"), "{error}");
        assert_eq!(names_in(folder.path()).unwrap(), ["taken"]);
    }

    #[test]
    fn unfinished_file_leaves_the_old_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("images.npy");
        fs::write(&path, "old").unwrap();
        let mut file = AtomicFile::create(&path).unwrap();
        file.write(b"ne").unwrap();
        drop(file);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut file = AtomicFile::create(&path).unwrap();
        [b"ne", b"w!"].iter().for_each(|part| file.write(*part).unwrap());
        file.finish().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new!");
        assert_eq!(names_in(folder.path()).unwrap(), ["images.npy"]);
    }

    #[test]
    fn check_writable_changes_nothing() {
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

    #[cfg(unix)]
    #[test]
    fn devices_are_written_and_not_replaced() {
        use std::os::unix::fs::FileTypeExt;
        // A link, so that a failure would replace the link and not the device.
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("null");
        std::os::unix::fs::symlink("/dev/null", &path).unwrap();
        check_writable(&path).unwrap();
        write_atomic(&path, b"nothing").unwrap();
        assert!(fs::metadata(&path).unwrap().file_type().is_char_device());
        assert_eq!(names_in(folder.path()).unwrap(), ["null"]);
    }

    #[test]
    fn bare_name_is_in_the_current_folder() {
        assert_eq!(folder_of(Path::new("grid.png")), Path::new("."));
    }
}

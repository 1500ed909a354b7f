//! The download folder: one process at a time, and no valid file is lost.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Event, RemoteFile, verify};
use crate::data::Result;
use crate::data::locate::{first_file, spellings};
use crate::file_error::FileError;

const LOCK: &str = ".fetch.lock";

/// A folder into which only this process downloads until it is dropped.
pub(super) struct DownloadFolder<'a> {
    path: &'a Path,
    _lock: File,
}

/// The copies of a file that exist before the download.
pub(super) struct ExistingCopies {
    /// Whether one of them is valid.
    pub valid: bool,
    /// Invalid copies that readers would find before the valid one; all invalid ones if none is
    /// valid.
    invalid: Vec<PathBuf>,
}

impl DownloadFolder<'_> {
    /// Creates the folder, and waits for other processes that download into it. On a file system
    /// without locks it does not wait.
    pub fn lock<'a>(path: &'a Path, report: &mut dyn FnMut(Event)) -> Result<DownloadFolder<'a>> {
        fs::create_dir_all(path).map_err(FileError::at("create", path))?;
        let name = path.join(LOCK);
        let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&name);
        let lock = opened.map_err(FileError::at("create", &name))?;
        match lock.try_lock() {
            Err(TryLockError::WouldBlock) => {
                report(Event::Waiting);
                lock.lock().map_err(FileError::at("lock", &name))?;
            }
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                return Err(FileError::at("lock", &name)(error).into());
            }
            _ => {}
        }
        Ok(DownloadFolder { path, _lock: lock })
    }

    /// The partial download of a file, under a name that no reader looks for.
    pub fn part(&self, file: &RemoteFile) -> PathBuf {
        self.path.join(format!("{}.gz.part", file.name))
    }

    /// Verifies the copies of a file in the search order of readers, up to the first valid one.
    pub fn find_copies(
        &self,
        file: &RemoteFile,
        report: &mut dyn FnMut(Event),
    ) -> Result<ExistingCopies> {
        let mut invalid = Vec::new();
        for name in spellings(file.name) {
            let Some(path) = first_file(self.path, &[name])? else { continue };
            match verify::check(&path, file)? {
                None => {
                    report(Event::AlreadyPresent(&path));
                    return Ok(ExistingCopies { valid: true, invalid });
                }
                Some(mismatch) => {
                    report(Event::Invalid(&path, &mismatch));
                    invalid.push(path);
                }
            }
        }
        // A folder with the name of the file, which readers ignore.
        let target = self.target(file);
        invalid.extend(target.is_dir().then_some(target));
        Ok(ExistingCopies { valid: false, invalid })
    }

    /// Renames the download to its final name after moving invalid copies aside. The renames are
    /// not synced: if they are lost, the partial download still exists.
    pub fn install(
        &self,
        file: &RemoteFile,
        copies: &ExistingCopies,
        report: &mut dyn FnMut(Event),
    ) -> Result<()> {
        for path in &copies.invalid {
            let new_name = unused_name(path);
            rename(path, &new_name)?;
            report(Event::MovedAside(path, &new_name));
        }
        if copies.valid {
            return Ok(());
        }
        Ok(rename(&self.part(file), &self.target(file))?)
    }

    fn target(&self, file: &RemoteFile) -> PathBuf {
        self.path.join(format!("{}.gz", file.name))
    }
}

/// An unused name: `NAME.old`, else `NAME.old2`, and so on.
fn unused_name(path: &Path) -> PathBuf {
    let named = |suffix: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(suffix);
        PathBuf::from(name)
    };
    let mut free = named(".old".to_owned());
    let mut number = 2;
    while free.exists() {
        free = named(format!(".old{number}"));
        number += 1;
    }
    free
}

fn rename(from: &Path, to: &Path) -> Result<(), FileError> {
    fs::rename(from, to).map_err(FileError::at("rename", from))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn file_moved_aside_never_overwrites_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.gz");
        for name in ["labels.gz.old", "labels.gz.old2", "labels.gz.old3"] {
            let free = unused_name(&path);
            assert_eq!(free, folder.path().join(name));
            fs::write(free, "").unwrap();
        }
    }

    #[test]
    fn folder_with_the_name_of_the_file_is_searched_or_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = RemoteFile {
            name: "labels-idx1-ubyte",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into(),
            length: 3,
        };
        let target = folder.path().join("labels-idx1-ubyte.gz");
        fs::create_dir(&target).unwrap();
        let locked = DownloadFolder::lock(folder.path(), &mut |_| ()).unwrap();
        let copies = locked.find_copies(&file, &mut |_| ()).unwrap();
        assert_eq!((copies.valid, &copies.invalid), (false, &vec![target.clone()]));
        fs::write(locked.part(&file), "abc").unwrap();
        locked.install(&file, &copies, &mut |_| ()).unwrap();
        assert_eq!(fs::read(&target).unwrap(), b"abc");

        fs::remove_file(&target).unwrap();
        fs::create_dir(&target).unwrap();
        fs::write(target.join("labels-idx1-ubyte.gz"), "abc").unwrap();
        assert!(locked.find_copies(&file, &mut |_| ()).unwrap().valid);
    }
}

//! The folder that files go to: one process at a time, nothing good lost.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Event, RemoteFile, content};
use crate::data::Result;
use crate::data::locate::spellings;
use crate::file_error::FileError;

const LOCK: &str = ".fetch.lock";

/// A folder that this process alone downloads into, until this is dropped.
pub(super) struct Folder<'a> {
    path: &'a Path,
    _lock: File,
}

/// What is there of a file before anything is downloaded.
pub(super) struct Copies {
    /// Whether a copy is right.
    pub right: bool,
    /// Copies that readers would take before that, or any if none is right.
    wrong: Vec<PathBuf>,
}

impl Folder<'_> {
    /// Makes the folder, and waits for other processes that download into it. On a file system that
    /// knows no locks there is no waiting.
    pub fn take<'a>(path: &'a Path, report: &mut dyn FnMut(Event)) -> Result<Folder<'a>> {
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
        Ok(Folder { path, _lock: lock })
    }

    /// Where the bytes of a file are gathered; a name that no reader looks for.
    pub fn part(&self, file: &RemoteFile) -> PathBuf {
        self.path.join(format!("{}.gz.part", file.name))
    }

    /// Looks at the copies of a file, in the order of the readers, up to the first that is right.
    pub fn look_for(&self, file: &RemoteFile, report: &mut dyn FnMut(Event)) -> Result<Copies> {
        let mut wrong = Vec::new();
        for name in spellings(file.name) {
            let path = self.path.join(name);
            if !path.try_exists().map_err(FileError::at("look for", &path))? {
                continue;
            }
            match content::check(&path, file)? {
                None => {
                    report(Event::Present(&path));
                    return Ok(Copies { right: true, wrong });
                }
                Some(mismatch) => {
                    report(Event::Wrong(&path, &mismatch));
                    wrong.push(path);
                }
            }
        }
        Ok(Copies { right: false, wrong })
    }

    /// Gives what was downloaded its name, after moving aside what stands in its way. That the
    /// names are on the disk is not waited for: if they are lost, the part is still there.
    pub fn install(
        &self,
        file: &RemoteFile,
        copies: &Copies,
        report: &mut dyn FnMut(Event),
    ) -> Result<()> {
        for path in &copies.wrong {
            let aside = free_name(path);
            rename(path, &aside)?;
            report(Event::Aside(path, &aside));
        }
        if copies.right {
            return Ok(());
        }
        Ok(rename(&self.part(file), &self.path.join(format!("{}.gz", file.name)))?)
    }
}

/// `NAME.old`, or `NAME.old2` if there is one, and so on.
fn free_name(path: &Path) -> PathBuf {
    let named = |ending: String| {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
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
    fn what_is_moved_aside_never_takes_a_name_that_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("labels.gz");
        for name in ["labels.gz.old", "labels.gz.old2", "labels.gz.old3"] {
            let free = free_name(&path);
            assert_eq!(free, folder.path().join(name));
            fs::write(free, "").unwrap();
        }
    }
}

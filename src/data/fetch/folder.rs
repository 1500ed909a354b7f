//! The folder that files go to: one process at a time, nothing good lost.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::{Event, RemoteFile, content};
use crate::data::Result;
use crate::data::locate::{first_file, spellings};
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
            let Some(path) = first_file(self.path, &[name])? else { continue };
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
        // A folder in the place of the file that shall come, which no reader takes for a file.
        let place = self.place(file);
        wrong.extend(place.is_dir().then_some(place));
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
        Ok(rename(&self.part(file), &self.place(file))?)
    }

    fn place(&self, file: &RemoteFile) -> PathBuf {
        self.path.join(format!("{}.gz", file.name))
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

    #[test]
    fn a_folder_in_the_place_of_a_file_is_looked_into_and_else_moved_aside() {
        let folder = tempfile::tempdir().unwrap();
        let file = RemoteFile {
            name: "labels-idx1-ubyte",
            sha256: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad".into(),
            length: 3,
        };
        let place = folder.path().join("labels-idx1-ubyte.gz");
        fs::create_dir(&place).unwrap();
        let taken = Folder::take(folder.path(), &mut |_| ()).unwrap();
        let copies = taken.look_for(&file, &mut |_| ()).unwrap();
        assert_eq!((copies.right, &copies.wrong), (false, &vec![place.clone()]));
        fs::write(taken.part(&file), "abc").unwrap();
        taken.install(&file, &copies, &mut |_| ()).unwrap();
        assert_eq!(fs::read(&place).unwrap(), b"abc");

        fs::remove_file(&place).unwrap();
        fs::create_dir(&place).unwrap();
        fs::write(place.join("labels-idx1-ubyte.gz"), "abc").unwrap();
        assert!(taken.look_for(&file, &mut |_| ()).unwrap().right);
    }
}

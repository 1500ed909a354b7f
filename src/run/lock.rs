//! One process per run: two that wrote the same log and checkpoints would ruin both.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tracing::{debug, warn};

use crate::file_error::FileError;
use crate::formats::files::folder_of;
use crate::run::{Error, Result};

/// Holds a run for this process; let go when dropped, and by the system when the process dies. The
/// file stays behind, and is no hindrance: it is locked or it is not.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

/// Who holds a run, by the number of its process where that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holder {
    /// Nobody: it was let go.
    None,
    /// A process that ended without letting go.
    Dead(Option<u32>),
    /// A process that is at it.
    Living(Option<u32>),
}

impl Holder {
    /// The process's number.
    pub fn process(self) -> Option<u32> {
        match self {
            Holder::None => None,
            Holder::Dead(process) | Holder::Living(process) => process,
        }
    }

    /// Who holds the run whose lock file is `path`. A file that was let go is empty, so it is not
    /// touched; else it is tried for a moment. Where the file system knows no locks, a living
    /// process looks like a dead one.
    pub(super) fn of(path: &Path) -> Holder {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.is_empty() {
            return Holder::None;
        }
        let process = text.trim().parse().ok();
        let tried = File::open(path).map(|file| file.try_lock_shared());
        match tried {
            Ok(Err(TryLockError::WouldBlock)) => Holder::Living(process),
            _ => Holder::Dead(process),
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

impl RunLock {
    /// Takes the run whose lock file is `path`, and writes this process's number into it. On a file
    /// system that knows no locks nothing is kept out.
    ///
    /// # Errors
    /// [`Error::Locked`] when another process, or this one, holds it already.
    pub(super) fn take(path: &Path) -> Result<RunLock> {
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(FileError::at("create", path))?;
        match try_lock(&file) {
            Err(TryLockError::WouldBlock) => return Err(held(path)),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                warn!(path = %path.display(), "no locks on this file system: two processes could write to one run");
            }
            Err(TryLockError::Error(error)) => {
                return Err(FileError::at("lock", path)(error).into());
            }
            Ok(()) => debug!(path = %path.display(), "locked"),
        }
        // For people only, who may do without it on a full disk.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(RunLock { file })
    }
}

/// Tries more than once: whoever asks for the [`Holder`] of a killed run has it for a moment.
fn try_lock(file: &File) -> std::result::Result<(), TryLockError> {
    for _ in 0..5 {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => thread::sleep(Duration::from_millis(2)),
            tried => return tried,
        }
    }
    file.try_lock()
}

fn held(path: &Path) -> Error {
    let process = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    Error::Locked { path: folder_of(path).to_owned(), process }
}

//! The run lock: only one process may train a run, because two would corrupt its log and
//! checkpoints.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;
use std::thread;
use std::time::Duration;

use tracing::{debug, warn};

use crate::file_error::FileError;
use crate::formats::files::folder_of;
use crate::run::{Error, Result};

/// Holds the lock of a run. The lock is released on drop, and by the system when the process dies.
/// The lock file remains; only the lock on it counts.
#[derive(Debug)]
pub struct RunLock {
    file: File,
}

/// The state of a run's lock, with the process ID of the holder if known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LockState {
    /// Not locked.
    Free,
    /// Not locked, but its last holder was killed before it could release the lock.
    Stale(Option<u32>),
    /// Held by a running process.
    Held(Option<u32>),
}

impl LockState {
    /// The process ID.
    pub fn process(self) -> Option<u32> {
        match self {
            LockState::Free => None,
            LockState::Stale(process) | LockState::Held(process) => process,
        }
    }

    /// The state of the lock file at `path`. The file is empty after a regular release; otherwise
    /// the lock is tried for a moment. On a file system without locks a running process looks like
    /// a killed one.
    pub(super) fn of(path: &Path) -> LockState {
        let text = fs::read_to_string(path).unwrap_or_default();
        if text.is_empty() {
            return LockState::Free;
        }
        let process = text.trim().parse().ok();
        let tried = File::open(path).map(|file| file.try_lock_shared());
        match tried {
            Ok(Err(TryLockError::WouldBlock)) => LockState::Held(process),
            _ => LockState::Stale(process),
        }
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        let _ = self.file.set_len(0);
    }
}

impl RunLock {
    /// Takes the lock file at `path` and writes this process's ID into it. On a file system without
    /// locks, other processes are not kept out.
    ///
    /// # Errors
    /// [`Error::Locked`] if another process, or this one, holds it already.
    pub(super) fn take(path: &Path) -> Result<RunLock> {
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(FileError::at("create", path))?;
        match try_lock(&file) {
            Err(TryLockError::WouldBlock) => return Err(held(path)),
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => {
                warn!(path = %path.display(), "this file system has no locks: two processes could write to the same run");
            }
            Err(TryLockError::Error(error)) => {
                return Err(FileError::at("lock", path)(error).into());
            }
            Ok(()) => debug!(path = %path.display(), "locked"),
        }
        // Informational only: may fail on a full disk.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(RunLock { file })
    }
}

/// Tries several times, because reading the [`LockState`] of a killed run holds the lock for a
/// moment.
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

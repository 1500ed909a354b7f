//! One process per run: two that wrote the same log and checkpoints would ruin both.

use std::fs::{File, TryLockError};
use std::path::Path;

use crate::{Error, Result};

/// Holds a run for this process; let go when dropped, and by the system when the process dies.
#[derive(Debug)]
pub struct RunLock {
    _file: File,
}

impl RunLock {
    /// Takes the run whose lock file is `path`.
    ///
    /// # Errors
    /// [`Error::RunLocked`] when another process, or this one, holds it already.
    pub(super) fn take(path: &Path) -> Result<RunLock> {
        let file = File::create(path).map_err(Error::io("create", path))?;
        match file.try_lock() {
            Ok(()) => Ok(RunLock { _file: file }),
            Err(TryLockError::WouldBlock) => {
                Err(Error::RunLocked { path: super::files::folder_of(path).to_owned() })
            }
            Err(TryLockError::Error(source)) => Err(Error::io("lock", path)(source)),
        }
    }
}

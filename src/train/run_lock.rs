//! One process per run: two that wrote the same log and checkpoints would ruin both.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::Path;

use super::run_dir::RunProblem;
use crate::{Error, Result};

/// Holds a run for this process; let go when dropped, and by the system when the process dies. The
/// file stays behind, and is no hindrance: it is locked or it is not.
#[derive(Debug)]
pub struct RunLock {
    file: File,
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
    /// [`RunProblem::Locked`] when another process, or this one, holds it already.
    pub(super) fn take(path: &Path) -> Result<RunLock> {
        let open = OpenOptions::new().write(true).create(true).truncate(false).open(path);
        let mut file = open.map_err(Error::io("create", path))?;
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => return Err(held(path)),
            Err(TryLockError::Error(error)) if error.kind() != ErrorKind::Unsupported => {
                return Err(Error::io("lock", path)(error));
            }
            _ => {}
        }
        // For people only, who may do without it on a full disk.
        let _ = file.set_len(0).and_then(|()| write!(file, "{}", std::process::id()));
        Ok(RunLock { file })
    }
}

fn held(path: &Path) -> Error {
    let process = std::fs::read_to_string(path).ok().and_then(|text| text.trim().parse().ok());
    RunProblem::Locked { path: super::files::folder_of(path).to_owned(), process }.into()
}

//! The output folders of `--separate` and `--frames`. They must be new or empty, so that the files
//! of two flags or two commands are never mixed.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};

use super::flags::OutputArgs;
use crate::cli::error::{Error, Result, refuse};
use crate::file_error::FileError;

impl OutputArgs {
    /// Checks that the folders are new or empty, and that no other output goes there.
    pub(super) fn check_folders(&self) -> Result<()> {
        let folders: Vec<_> = self.folders().collect();
        if let [separate, frames] = folders[..]
            && canonical(separate)? == canonical(frames)?
        {
            let folder = frames.display();
            let problem = format!("is also the folder of --separate: {folder}; give another one");
            return refuse("--frames", problem);
        }
        let out_folder = self.out.as_deref().and_then(Path::parent).map(canonical).transpose()?;
        for folder in &folders {
            expect_empty(folder)?;
            if out_folder == Some(canonical(folder)?) {
                let folder = folder.display();
                return refuse("--out", format!("would be among the files in {folder}"));
            }
        }
        Ok(())
    }

    /// Creates the folders.
    pub(super) fn create_folders(&self) -> Result<()> {
        for folder in self.folders() {
            fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
        }
        Ok(())
    }

    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.separate.iter().chain(&self.frames)
    }
}

/// A path that is equal for equal folders, whether or not they exist.
fn canonical(folder: &Path) -> Result<PathBuf, FileError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let path = fs::canonicalize(folder).or_else(|_| absolute(folder));
    path.map(|path| path.components().collect()).map_err(FileError::at("find", folder))
}

fn expect_empty(folder: &Path) -> Result<()> {
    match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(FileError::at("list", folder)(error).into()),
        Ok(mut names) => match names.next() {
            Some(_) => Err(Error::FolderNotEmpty { path: folder.to_owned() }),
            None => Ok(()),
        },
    }
}

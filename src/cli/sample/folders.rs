//! The folders that images and frames go to, each file of its own: images of two kinds, or of two
//! commands, must not mix.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf, absolute};

use gan_cuda::file_error::FileError;

use super::flags::OutputArgs;
use crate::cli::error::{Error, Result, refuse};

impl OutputArgs {
    /// Makes sure that the folders are new or empty, and that nothing else goes there.
    pub(super) fn check_folders(&self) -> Result<()> {
        let folders: Vec<_> = self.folders().collect();
        if let [separate, frames] = folders[..]
            && place(separate)? == place(frames)?
        {
            let folder = frames.display();
            let problem = format!("is the folder of --separate too: {folder}; name another one");
            return refuse("--frames", problem);
        }
        let of_out = self.out.as_deref().and_then(Path::parent).map(place).transpose()?;
        for folder in &folders {
            expect_empty(folder)?;
            if of_out == Some(place(folder)?) {
                let folder = folder.display();
                return refuse("--out", format!("would lie among the files in {folder}"));
            }
        }
        Ok(())
    }

    /// Makes them.
    pub(super) fn make_folders(&self) -> Result<()> {
        for folder in self.folders() {
            fs::create_dir_all(folder).map_err(FileError::at("create", folder))?;
        }
        Ok(())
    }

    fn folders(&self) -> impl Iterator<Item = &PathBuf> {
        self.separate.iter().chain(&self.frames)
    }
}

/// The same for the same folder, whether or not it is there.
fn place(folder: &Path) -> Result<PathBuf, FileError> {
    let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
    let place = fs::canonicalize(folder).or_else(|_| absolute(folder));
    place.map(|place| place.components().collect()).map_err(FileError::at("find", folder))
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

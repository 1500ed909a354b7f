//! In the place of `folder`, in a library without the feature `images`: no folder can be read.

use std::io;
use std::path::Path;

use super::Dataset;
use super::wanted::{Progress, Wanted};
use crate::data::Result;
use crate::file_error::FileError;

/// A folder that was listed: here there is none.
pub enum ImageFolder {}

impl ImageFolder {
    pub fn list(path: &Path) -> Result<ImageFolder> {
        let problem = "gan-cuda was built without its feature `images`";
        Err(FileError::at("read the images in", path)(io::Error::other(problem)).into())
    }

    pub fn count_classes(self) -> Result<usize> {
        match self {}
    }

    pub fn load(self, _wanted: &Wanted, _progress: Progress<'_>) -> Result<Dataset> {
        match self {}
    }
}

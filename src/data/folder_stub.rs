//! Replaces `folder` in a build without the feature `images`: folders cannot be read.

use std::io;
use std::path::Path;

use super::Dataset;
use super::requirements::{ProgressCallback, Requirements};
use crate::data::Result;
use crate::file_error::FileError;

/// Cannot be constructed.
pub enum ImageFolder {}

impl ImageFolder {
    pub fn list(path: &Path) -> Result<ImageFolder> {
        let problem = "gan-cuda was built without its feature `images`";
        Err(FileError::at("read the images in", path)(io::Error::other(problem)).into())
    }

    pub fn count_classes(self) -> Result<usize> {
        match self {}
    }

    pub fn load(
        self,
        _requirements: &Requirements,
        _progress: ProgressCallback<'_>,
    ) -> Result<Dataset> {
        match self {}
    }
}

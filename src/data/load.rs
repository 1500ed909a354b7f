//! Sources of images, opened.

use super::folder::ImageFolder;
use super::wanted::{Progress, Wanted};
use super::{Dataset, Result, Source};

impl Wanted {
    /// Loads the images. A folder's are decoded, or taken from the cache if nothing has changed
    /// since; then `progress` hears nothing.
    ///
    /// # Errors
    /// As [`DatasetKind::load`](super::DatasetKind::load) and [`Dataset::with_shape`]; for a folder
    /// [`FolderProblem`](super::FolderProblem), and which of several bad images is named does not
    /// depend on the threads.
    pub fn load(&self, progress: Progress<'_>) -> Result<Dataset> {
        match &self.source {
            Source::Named(kind) => {
                kind.load(&self.places)?.with_shape(self.shape.height, self.shape.channels)
            }
            Source::Folder(folder) => ImageFolder::list(folder)?.load(self, progress),
        }
    }
}

impl Source {
    /// Number of classes: for a folder, of sub-folders with images.
    ///
    /// # Errors
    /// For a folder as [`ImageFolder::list`] and [`ImageFolder::classes`].
    pub fn classes(&self) -> Result<usize> {
        match self {
            Source::Named(kind) => Ok(kind.classes()),
            Source::Folder(path) => Ok(ImageFolder::list(path)?.classes()?.0.len()),
        }
    }
}

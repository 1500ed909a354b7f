//! Sources of images, opened.

use std::time::Instant;

use tracing::debug;

use super::folder::ImageFolder;
use super::idx::{self, Images};
use super::locate::{Places, TrainingFiles};
use super::wanted::{Progress, Wanted};
use super::{Dataset, DatasetKind, Error, ImageShape, Origin, Result, Source, embedded};

impl Wanted {
    /// Loads the images. A folder's are decoded, or taken from the cache if nothing has changed
    /// since; then `progress` hears nothing.
    ///
    /// # Errors
    /// As [`DatasetKind::load`] and [`Dataset::with_shape`]; for a folder
    /// [`FolderProblem`](super::FolderProblem), where the threads have no part in which of several
    /// bad images is named.
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
    /// For a folder as [`ImageFolder::list`], and where its sub-folders are no classes.
    pub fn classes(&self) -> Result<usize> {
        match self {
            Source::Named(kind) => Ok(kind.classes()),
            Source::Folder(path) => ImageFolder::list(path)?.count_classes(),
        }
    }
}

impl DatasetKind {
    /// Loads the training set, as it is stored, from the first of `places` that has it; MNIST else
    /// from the program itself.
    ///
    /// # Errors
    /// Files that are there but damaged ([`Error::Idx`]), unreadable ([`Error::File`]) or not a pair
    /// ([`DatasetProblem::Incomplete`](super::DatasetProblem::Incomplete)); no files
    /// ([`DatasetProblem::NotInFolder`](super::DatasetProblem::NotInFolder),
    /// [`DatasetProblem::NotFound`](super::DatasetProblem::NotFound)).
    pub fn load(self, places: &Places) -> Result<Dataset> {
        match places.find(self)? {
            Some(files) => self.load_files(&files),
            None if self == DatasetKind::Mnist => self.load_embedded(),
            None => Err(places.not_found(self)),
        }
    }

    fn load_files(self, files: &TrainingFiles) -> Result<Dataset> {
        let begun = Instant::now();
        let images = idx::read_images(&files.images)?;
        let labels = idx::read_labels(&files.labels, self.classes())?;
        idx::check_counts(&images, &labels)
            .map_err(|problem| Error::Idx { path: files.labels.clone(), problem })?;
        debug!(data = self.name(), images = labels.len(), elapsed = ?begun.elapsed(), "read");
        Ok(self.dataset(images, labels, Origin::Folder(files.folder.clone())))
    }

    fn load_embedded(self) -> Result<Dataset> {
        let (images, labels) = embedded::decode(self.classes())?;
        debug!(data = self.name(), images = labels.len(), "taken from the program itself");
        Ok(self.dataset(images, labels, Origin::Embedded))
    }

    fn dataset(self, images: Images, labels: Vec<u32>, origin: Origin) -> Dataset {
        let shape = ImageShape { channels: 1, height: images.height, width: images.width };
        Dataset {
            name: self.name().to_owned(),
            images: images.pixels,
            labels,
            classes: self.classes(),
            class_names: self.class_names().iter().map(|&name| name.to_owned()).collect(),
            shape,
            origin,
            warnings: Vec::new(),
        }
    }
}

//! The data sets known by name: what each is called, where it comes from, how it is loaded.

use std::time::Instant;

use tracing::debug;

use super::idx::{self, Images};
use super::locate::{Places, TrainingFiles};
use super::{Dataset, ImageShape, Origin, embedded};
use crate::choice::{Choice, choices};
use crate::data::{Error, Result};

choices! {
    /// A data set known by name (`--dataset`). Both are 60,000 grey images of 28×28 in ten classes.
    pub enum DatasetKind {
        /// Handwritten digits; the first 10,000 are built in.
        Mnist = "mnist",
        /// Pieces of clothing.
        FashionMnist = "fashion-mnist",
    }
}

impl DatasetKind {
    /// The name on the command line, in run folders and in the cache.
    pub fn name(self) -> &'static str {
        self.word()
    }

    /// Number of classes: labels lie in 0..classes.
    pub fn classes(self) -> usize {
        10
    }

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
            class_names: Vec::new(),
            shape,
            origin,
            warnings: Vec::new(),
        }
    }

    /// torchvision's folder for this data set, below the `root` its user names.
    pub(super) fn torchvision_folder(self) -> &'static str {
        match self {
            DatasetKind::Mnist => "MNIST/raw",
            DatasetKind::FashionMnist => "FashionMNIST/raw",
        }
    }
}

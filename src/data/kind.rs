//! The data sets known by name: what each is called, where it comes from, how it is loaded.

use std::path::Path;
use std::time::Instant;

use tracing::debug;

use super::idx::{self, Images};
use super::locate::{Places, TrainingFiles};
use super::{Dataset, ImageShape, Origin, embedded};
use crate::choice::{Choice, choices};
use crate::{Error, Result};

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
    /// Files that are there but damaged ([`Error::Idx`]), unreadable ([`Error::Io`]) or not a pair
    /// ([`DatasetProblem::Incomplete`](super::DatasetProblem::Incomplete)); no files
    /// ([`DatasetProblem::NotInFolder`](super::DatasetProblem::NotInFolder),
    /// [`DatasetProblem::NotFound`](super::DatasetProblem::NotFound)).
    pub fn load(self, places: &Places) -> Result<Dataset> {
        match places.find(self)? {
            Some(files) => self.load_files(&files),
            None if self == DatasetKind::Mnist => self.load_embedded(places),
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
        Ok(self.dataset(images, labels, Origin::Folder(files.folder.clone()), None))
    }

    fn load_embedded(self, places: &Places) -> Result<Dataset> {
        let (images, labels) = embedded::decode(self.classes())?;
        let hint = self.how_to_get(places.cache.as_deref());
        debug!(data = self.name(), images = labels.len(), "taken from the program itself");
        Ok(self.dataset(images, labels, Origin::Embedded, Some(hint)))
    }

    fn dataset(
        self,
        images: Images,
        labels: Vec<u32>,
        origin: Origin,
        hint: Option<String>,
    ) -> Dataset {
        let shape = ImageShape { channels: 1, height: images.height, width: images.width };
        Dataset {
            name: self.name().to_owned(),
            images: images.pixels,
            labels,
            classes: self.classes(),
            class_names: Vec::new(),
            shape,
            origin,
            hint,
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

    /// What to do to have all of this data set here, in words.
    pub(super) fn how_to_get(self, cache: Option<&Path>) -> String {
        let (aim, package) = match self {
            DatasetKind::Mnist => ("for all 60,000 images ", ""),
            DatasetKind::FashionMnist => {
                ("", " (on Debian or Ubuntu also `apt-get install dataset-fashion-mnist`)")
            }
        };
        let into = match cache {
            Some(folder) => format!("into {}, or name their folder with", folder.display()),
            None => "into a folder and name it with".to_owned(),
        };
        format!(
            "{aim}run `gan-cuda fetch {self}`{package}, or put train-images-idx3-ubyte.gz and \
             train-labels-idx1-ubyte.gz {into} --data-dir"
        )
    }
}

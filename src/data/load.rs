//! Sources of images, opened.

use std::path::Path;
use std::time::Instant;

use tracing::debug;

use super::folder::ImageFolder;
use super::idx::{self, Images};
use super::labels::Labels;
use super::locate::{Places, TrainingFiles, unusable};
use super::wanted::{Progress, Wanted};
use super::{Dataset, DatasetKind, Error, ImageShape, Origin, Result, Source, embedded};

impl Wanted {
    /// Loads the images. A folder's are decoded, or taken from the cache if nothing has changed
    /// since; then `progress` hears nothing. A folder that has IDX files is taken for these alone.
    ///
    /// # Errors
    /// As [`DatasetKind::load`] and [`Dataset::with_shape`]; for a folder
    /// [`FolderProblem`](super::FolderProblem), where the threads have no part in which of several
    /// bad images is named.
    pub fn load(&self, progress: Progress<'_>) -> Result<Dataset> {
        let stored = match &self.source {
            Source::Named(kind) => kind.load_for(&self.places, self.classes)?,
            Source::Folder(path) => match TrainingFiles::at(path)? {
                Some(files) => self.load_set(&files)?,
                None => return list(path)?.load(self, progress),
            },
        };
        self.shaped(stored)
    }

    fn shaped(&self, stored: Dataset) -> Result<Dataset> {
        let (from, to) = (stored.shape, self.shape);
        if self.exact && (from.height, from.width) != (to.height, to.width) {
            let reason = "they must have the same size".to_owned();
            return Err(Error::Reshape { from, to, reason });
        }
        stored.with_shape(to.height, to.channels)
    }

    /// Loads the test set that belongs to the images, in the same shape; nothing where there is
    /// none: a folder of images has none, and the files of others need not be there.
    ///
    /// # Errors
    /// As [`Wanted::load`].
    pub fn load_test(&self) -> Result<Option<Dataset>> {
        let stored = match &self.source {
            Source::Named(kind) => kind.load_test(&self.places)?,
            Source::Folder(path) => {
                let files = TrainingFiles::at(path)?.map(|files| files.test()).transpose()?;
                files.flatten().map(|files| self.load_set(&files)).transpose()?
            }
        };
        stored.map(|set| self.shaped(set)).transpose()
    }

    fn load_set(&self, files: &TrainingFiles) -> Result<Dataset> {
        load_files(files, self.source.name(), |images| {
            if self.classes { labels_of(files, images, 0) } else { Ok(none(images)) }
        })
    }
}

impl Source {
    /// Number of classes: of sub-folders with images, or of different labels in IDX files, of which
    /// only the labels are read. `places` are where the files of a named data set are looked for.
    ///
    /// # Errors
    /// Files as [`DatasetKind::load`], folders as [`ImageFolder::list`], and where their sub-folders
    /// are no classes.
    pub fn classes(&self, places: &Places) -> Result<usize> {
        let (files, at_least) = match self {
            Source::Named(kind) => (places.find(*kind)?, kind.classes()),
            Source::Folder(path) => match TrainingFiles::at(path)? {
                None => return list(path)?.count_classes(),
                files => (files, 0),
            },
        };
        match files {
            Some(files) => {
                Ok(Labels::of_file(&idx::read_labels(files.labels()?)?, at_least).classes)
            }
            None => Ok(at_least),
        }
    }
}

fn list(folder: &Path) -> Result<ImageFolder> {
    ImageFolder::list(folder).map_err(|error| unusable(folder).unwrap_or(error))
}

impl DatasetKind {
    /// Loads the training set, as it is stored, from the first of `places` that has it; MNIST else
    /// from the program itself.
    ///
    /// # Errors
    /// Files that are there but damaged ([`Error::Idx`]), unreadable ([`Error::File`]) or not a pair
    /// ([`DatasetProblem::Incomplete`](super::DatasetProblem::Incomplete)), or of more than one set
    /// ([`DatasetProblem::Several`](super::DatasetProblem::Several)); no files
    /// ([`DatasetProblem::NotInFolder`](super::DatasetProblem::NotInFolder),
    /// [`DatasetProblem::NotFound`](super::DatasetProblem::NotFound)).
    pub fn load(self, places: &Places) -> Result<Dataset> {
        self.load_for(places, true)
    }

    /// Loads the test set, as it is stored, from the first of `places` that has it; nothing where
    /// none has.
    ///
    /// # Errors
    /// As [`DatasetKind::load`], for files that are there.
    pub fn load_test(self, places: &Places) -> Result<Option<Dataset>> {
        let Some(files) = places.find_test(self)? else { return Ok(None) };
        let labels = |images: &Images| {
            labels_of(&files, images, self.classes()).map(|labels| self.named(labels))
        };
        load_files(&files, self.name().to_owned(), labels).map(Some)
    }

    /// The same; where classes are not needed, labels may be missing or unusable. Those that are
    /// good are taken even then: a run's checksum of its data has always had them.
    fn load_for(self, places: &Places, classes: bool) -> Result<Dataset> {
        match places.find(self)? {
            Some(files) => load_files(&files, self.name().to_owned(), |images| {
                let labels = labels_of(&files, images, self.classes());
                let labels = labels.map(|labels| self.named(labels));
                if classes { labels } else { Ok(labels.unwrap_or_else(|_| none(images))) }
            }),
            None if self == DatasetKind::Mnist => self.load_embedded(),
            None => Err(places.not_found(self)),
        }
    }

    /// The labels, with the names of its own classes.
    fn named(self, labels: Labels) -> Labels {
        let own = labels.names.is_empty() && labels.classes == self.classes();
        let names = || self.class_names().iter().map(|&name| name.to_owned()).collect();
        if own { Labels { names: names(), ..labels } } else { labels }
    }

    fn load_embedded(self) -> Result<Dataset> {
        let (images, labels) = embedded::decode()?;
        debug!(data = self.name(), images = labels.len(), "taken from the program itself");
        let labels = self.named(Labels::of_file(&labels, self.classes()));
        Ok(dataset(self.name().to_owned(), images, labels, Origin::Embedded))
    }
}

fn load_files(
    files: &TrainingFiles,
    name: String,
    labels: impl FnOnce(&Images) -> Result<Labels>,
) -> Result<Dataset> {
    let begun = Instant::now();
    let mut images = idx::read_images(&files.images)?;
    let labels = labels(&images)?;
    if files.is_transposed() {
        images = images.transposed();
    }
    debug!(data = name, images = images.count, elapsed = ?begun.elapsed(), "read");
    Ok(dataset(name, images, labels, Origin::Folder(files.folder.clone())))
}

fn labels_of(files: &TrainingFiles, images: &Images, at_least: usize) -> Result<Labels> {
    let path = files.labels()?;
    let labels = idx::read_labels(path)?;
    idx::check_counts(images, &labels)
        .map_err(|problem| Error::Idx { path: path.to_owned(), problem })?;
    Ok(Labels::of_file(&labels, at_least))
}

fn none(images: &Images) -> Labels {
    Labels::none(images.count)
}

fn dataset(name: String, images: Images, labels: Labels, origin: Origin) -> Dataset {
    Dataset {
        name,
        shape: ImageShape { channels: 1, height: images.height, width: images.width },
        images: images.pixels,
        labels: labels.values,
        classes: labels.classes,
        class_names: labels.names,
        origin,
        warnings: Vec::new(),
    }
}

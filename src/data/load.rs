//! Loads data sets.

use std::path::Path;
use std::time::Instant;

use tracing::debug;

use super::folder::ImageFolder;
use super::idx::{self, Images};
use super::labels::Labels;
use super::locate::{IdxFiles, SearchPaths, why_unusable};
use super::requirements::{ProgressCallback, Requirements};
use super::stacked::{StackedSet, stacked_classes};
use super::{Dataset, DatasetKind, Error, ImageShape, Origin, Result, Source, embedded};

impl Requirements {
    /// Loads the images. Images of a folder are decoded, or read from the cache if nothing has
    /// changed; in that case `progress` is not called. If a folder has IDX files, only these are
    /// read.
    ///
    /// # Errors
    /// As [`DatasetKind::load`] and [`Dataset::with_shape`]; for a folder
    /// [`FolderProblem`](super::FolderProblem). Which of several bad images is reported does not
    /// depend on the number of threads.
    pub fn load(&self, progress: ProgressCallback<'_>) -> Result<Dataset> {
        let stored = match &self.source {
            Source::Named(kind) => kind.stored_as().load_for(&self.search_paths, self.classes)?,
            Source::Folder(path) => match IdxFiles::at(path)? {
                Some(files) => self.load_set(&files)?,
                None => return list(path)?.load(self, progress),
            },
        };
        self.shaped(stored, StackedSet::Training)
    }

    fn shaped(&self, stored: Dataset, set: StackedSet) -> Result<Dataset> {
        let (from, to) = (stored.shape, self.shape);
        if self.exact_size && (from.height, from.width) != (to.height, to.width) {
            let reason = "they must have the same size".to_owned();
            return Err(Error::Reshape { from, to, reason });
        }
        match self.source {
            // Digits are resized before they are stacked: there are fewer of them.
            Source::Named(kind @ DatasetKind::StackedMnist) if to.channels == kind.channels() => {
                stored.with_shape(to.height, 1)?.stacked(set)
            }
            Source::Named(DatasetKind::StackedMnist) => {
                let reason = "stacked digits need three channels, one for each".to_owned();
                Err(Error::Reshape { from, to, reason })
            }
            _ => stored.with_shape(to.height, to.channels),
        }
    }

    /// Loads the test set that belongs to the images, in the same shape; `None` if there is none. A
    /// folder of images has no test set, and the files of a test set are optional.
    ///
    /// # Errors
    /// As [`Requirements::load`].
    pub fn load_test(&self) -> Result<Option<Dataset>> {
        let stored = match &self.source {
            Source::Named(kind) => kind.stored_as().load_test(&self.search_paths)?,
            Source::Folder(path) => {
                let files = IdxFiles::at(path)?.map(|files| files.test()).transpose()?;
                files.flatten().map(|files| self.load_set(&files)).transpose()?
            }
        };
        stored.map(|stored| self.shaped(stored, StackedSet::Test)).transpose()
    }

    fn load_set(&self, files: &IdxFiles) -> Result<Dataset> {
        load_files(files, self.source.name(), |images| {
            if self.classes { labels_of(files, images, 0) } else { Ok(no_labels(images)) }
        })
    }
}

impl Source {
    /// Number of classes: of sub-folders with images, or of distinct labels in IDX files, of which
    /// only the label file is read. Files of a named data set are looked for in `search_paths`.
    ///
    /// # Errors
    /// As [`DatasetKind::load`] for files and [`ImageFolder::list`] for folders, and when
    /// sub-folders are not classes.
    pub fn classes(&self, search_paths: &SearchPaths) -> Result<usize> {
        let (files, at_least) = match self {
            Source::Named(DatasetKind::StackedMnist) => {
                let digits = Source::Named(DatasetKind::Mnist).classes(search_paths)?;
                return Ok(stacked_classes(digits));
            }
            Source::Named(kind) => (search_paths.find(*kind)?, kind.classes()),
            Source::Folder(path) => match IdxFiles::at(path)? {
                None => return list(path)?.count_classes(),
                files => (files, 0),
            },
        };
        match files {
            Some(files) => {
                Ok(Labels::from_file(&idx::read_labels(files.labels()?)?, at_least).classes)
            }
            None => Ok(at_least),
        }
    }
}

fn list(folder: &Path) -> Result<ImageFolder> {
    ImageFolder::list(folder).map_err(|error| why_unusable(folder).unwrap_or(error))
}

impl DatasetKind {
    /// Loads the training set in its stored shape from the first of `search_paths` that has it;
    /// MNIST falls back to the embedded digits. [`DatasetKind::StackedMnist`] is made of MNIST.
    ///
    /// # Errors
    /// Files that are damaged ([`Error::Idx`]), unreadable ([`Error::File`]), incomplete
    /// ([`DatasetProblem::Incomplete`](super::DatasetProblem::Incomplete)) or of more than one
    /// training set
    /// ([`DatasetProblem::SeveralTrainingSets`](super::DatasetProblem::SeveralTrainingSets)); no
    /// files ([`DatasetProblem::NotInFolder`](super::DatasetProblem::NotInFolder),
    /// [`DatasetProblem::NotFound`](super::DatasetProblem::NotFound)).
    pub fn load(self, search_paths: &SearchPaths) -> Result<Dataset> {
        let stored = self.stored_as().load_for(search_paths, true)?;
        self.made_of(stored, StackedSet::Training)
    }

    /// Loads the test set in its stored shape from the first of `search_paths` that has it; `None`
    /// if none has it.
    ///
    /// # Errors
    /// As [`DatasetKind::load`], for files that exist.
    pub fn load_test(self, search_paths: &SearchPaths) -> Result<Option<Dataset>> {
        let stored = self.stored_as().load_stored_test(search_paths)?;
        stored.map(|stored| self.made_of(stored, StackedSet::Test)).transpose()
    }

    /// The data set, made of the images that it is stored as.
    fn made_of(self, stored: Dataset, set: StackedSet) -> Result<Dataset> {
        match self {
            DatasetKind::StackedMnist => stored.stacked(set),
            DatasetKind::Mnist | DatasetKind::FashionMnist => Ok(stored),
        }
    }

    fn load_stored_test(self, search_paths: &SearchPaths) -> Result<Option<Dataset>> {
        let Some(files) = search_paths.find_test(self)? else { return Ok(None) };
        let labels = |images: &Images| {
            labels_of(&files, images, self.classes()).map(|labels| self.named(labels))
        };
        load_files(&files, self.name().to_owned(), labels).map(Some)
    }

    /// As [`DatasetKind::load`]. Where classes are not needed, labels may be missing or invalid;
    /// valid labels are used even then, because the data checksum of older runs includes them.
    fn load_for(self, search_paths: &SearchPaths, classes: bool) -> Result<Dataset> {
        match search_paths.find(self)? {
            Some(files) => load_files(&files, self.name().to_owned(), |images| {
                let labels = labels_of(&files, images, self.classes());
                let labels = labels.map(|labels| self.named(labels));
                if classes { labels } else { Ok(labels.unwrap_or_else(|_| no_labels(images))) }
            }),
            None if self == DatasetKind::Mnist => self.load_embedded(),
            None => Err(search_paths.not_found(self)),
        }
    }

    /// Adds the data set's own class names to labels.
    fn named(self, labels: Labels) -> Labels {
        let own = labels.names.is_empty() && labels.classes == self.classes();
        let names = || self.class_names().iter().map(|&name| name.to_owned()).collect();
        if own { Labels { names: names(), ..labels } } else { labels }
    }

    fn load_embedded(self) -> Result<Dataset> {
        let (images, labels) = embedded::decode()?;
        debug!(data = self.name(), images = labels.len(), "loaded the embedded digits");
        let labels = self.named(Labels::from_file(&labels, self.classes()));
        Ok(new_dataset(self.name().to_owned(), images, labels, Origin::Embedded))
    }
}

fn load_files(
    files: &IdxFiles,
    name: String,
    labels: impl FnOnce(&Images) -> Result<Labels>,
) -> Result<Dataset> {
    let start = Instant::now();
    let mut images = idx::read_images(&files.images)?;
    let labels = labels(&images)?;
    if files.is_transposed() {
        images = images.transposed();
    }
    debug!(data = name, images = images.count, elapsed = ?start.elapsed(), "read");
    Ok(new_dataset(name, images, labels, Origin::Folder(files.folder.clone())))
}

fn labels_of(files: &IdxFiles, images: &Images, at_least: usize) -> Result<Labels> {
    let path = files.labels()?;
    let labels = idx::read_labels(path)?;
    idx::check_counts(images, &labels)
        .map_err(|problem| Error::Idx { path: path.to_owned(), problem })?;
    Ok(Labels::from_file(&labels, at_least))
}

fn no_labels(images: &Images) -> Labels {
    Labels::unlabeled(images.count)
}

fn new_dataset(name: String, images: Images, labels: Labels, origin: Origin) -> Dataset {
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

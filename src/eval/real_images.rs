//! The real images that scores need: training images and held-out images.
//!
//! | images | held out | features |
//! |---|---|---|
//! | mnist, fashion-mnist | the 10,000 test images, whose features are embedded in the program | from the embedded classifier |
//! | stacked-mnist | 10,000 stacks of test digits, whose features are embedded in the program | from the embedded classifier of digits, for each channel |
//! | IDX files with a test set | the test set | from a classifier trained on the training images |
//! | a folder, or IDX files without a test set | a fixed random half | from a classifier trained on the other half; without classes, pixels |
//!
//! The GAN is trained on both halves of a folder, the classifier on one half only.

use std::borrow::Cow;

use crate::data::{Dataset, DatasetKind, ImageShape};
use crate::device::Device;
use crate::eval::classifier::training::LabelledImages;
use crate::eval::classifier::{Features, TestFeatures, test_features};
use crate::eval::{Error, FeatureExtractor, Result};
use crate::rng::{Stream, site};

/// The minimum number of images to compare: a point and its five nearest neighbours.
pub const MIN_IMAGES: usize = 6;
/// The name of the reference in error messages.
pub(super) const REFERENCE: &str = "the reference images";
/// The name of the other real images in error messages.
pub(super) const REAL: &str = "the other real images";
/// The maximum number of held-out images to compare.
const MAX_HELD_OUT: usize = 10_000;

/// Real images as bytes, channels first, each with a class.
#[derive(Clone, Debug)]
pub struct RealImages<'a> {
    /// (images, channels, height, width).
    pub pixels: Cow<'a, [u8]>,
    /// The class of each image; all 0 without classes.
    pub labels: Cow<'a, [u32]>,
}

impl<'a> RealImages<'a> {
    /// All images of a data set.
    pub fn of(data: &'a Dataset) -> Self {
        Self { pixels: Cow::Borrowed(&data.images), labels: Cow::Borrowed(&data.labels) }
    }

    /// The images with their labels.
    pub fn labelled(&self) -> LabelledImages<'_> {
        LabelledImages { images: &self.pixels, labels: &self.labels }
    }

    /// Up to `max` images of some classes (of all if `classes` is empty). They are evenly spaced,
    /// as a folder's images are sorted by class.
    pub fn subset(&self, classes: &[u32], max: usize, shape: ImageShape) -> RealImages<'_> {
        let indices = self.spaced_indices(classes, max);
        if indices.len() == self.labels.len() {
            let RealImages { pixels, labels } = self;
            return RealImages { pixels: Cow::Borrowed(pixels), labels: Cow::Borrowed(labels) };
        }
        self.select(&indices, shape)
    }

    /// The indices of the images in [`subset`](Self::subset), in ascending order.
    pub fn spaced_indices(&self, classes: &[u32], max: usize) -> Vec<usize> {
        let is_of_class = |&i: &usize| classes.is_empty() || classes.contains(&self.labels[i]);
        let all: Vec<_> = (0..self.labels.len()).filter(is_of_class).collect();
        let count = all.len().min(max);
        (0..count).map(|i| all[i * all.len() / count]).collect()
    }

    fn select(&self, indices: &[usize], shape: ImageShape) -> RealImages<'static> {
        let pixels = shape.pixels();
        let image = |&i: &usize| &self.pixels[i * pixels..][..pixels];
        RealImages {
            pixels: Cow::Owned(indices.iter().flat_map(image).copied().collect()),
            labels: Cow::Owned(indices.iter().map(|&i| self.labels[i]).collect()),
        }
    }
}

/// A data set, split into training images and held-out images.
#[derive(Clone, Debug)]
pub struct DataSplit<'a> {
    /// The training images of a classifier.
    pub training: RealImages<'a>,
    /// The held-out images, if their pixels are available.
    pub held_out: Option<RealImages<'a>>,
    /// The data set, if it is a known one, for which the features of the test images are embedded.
    pub kind: Option<DatasetKind>,
    /// Whether the GAN was not trained on the held-out images.
    pub unseen: bool,
}

impl<'a> DataSplit<'a> {
    /// Splits the images of a run; `test` is their test set, if there is one.
    pub fn new(data: &'a Dataset, kind: Option<DatasetKind>, test: Option<&'a Dataset>) -> Self {
        if kind.is_some() || test.is_some() {
            let held_out = test.map(RealImages::of);
            return Self { training: RealImages::of(data), held_out, kind, unseen: true };
        }
        let order = Stream { seed: 0, site: site::HELD_OUT }.permutation(data.len(), 0);
        let (held_out, training) = order.split_at(data.len() / 2);
        let half = |indices: &[u32]| {
            let mut indices: Vec<_> = indices.iter().map(|&i| i as usize).collect();
            indices.sort_unstable();
            RealImages::of(data).select(&indices, data.shape)
        };
        Self { training: half(training), held_out: Some(half(held_out)), kind, unseen: false }
    }
}

/// The features of a set of images.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Features and predicted classes.
    pub features: Features,
    /// The true classes, or the classes that the images were generated for.
    pub labels: Vec<u32>,
}

impl Sample {
    /// Extracts the features of images.
    ///
    /// # Errors
    /// When the device fails.
    pub fn of<D: Device>(
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        images: LabelledImages<'_>,
    ) -> Result<Sample> {
        let features = extractor.extract(device, images.images)?;
        Ok(Sample { features, labels: images.labels.to_vec() })
    }

    /// The number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The images of some classes only.
    #[must_use]
    pub fn of_classes(&self, classes: &[u32]) -> Sample {
        let dimensions = self.features.values.len() / self.len().max(1);
        let indices: Vec<_> =
            (0..self.len()).filter(|&i| classes.contains(&self.labels[i])).collect();
        let row = |&i: &usize| &self.features.values[i * dimensions..][..dimensions];
        let class = |&i: &usize| self.features.classes.get(i).copied();
        Sample {
            labels: indices.iter().map(|&i| self.labels[i]).collect(),
            features: Features {
                values: indices.iter().flat_map(row).copied().collect(),
                classes: indices.iter().filter_map(class).collect(),
            },
        }
    }

    /// The same sample, if it has enough images to be compared.
    ///
    /// # Errors
    /// [`Error::TooFewImages`]; `what` names the images in its message.
    pub fn require_enough(self, what: &str) -> Result<Sample> {
        require_enough(what, self.len()).map(|()| self)
    }
}

/// Checks that there are enough images to be compared.
///
/// # Errors
/// [`Error::TooFewImages`]; `what` names the images in its message.
pub fn require_enough(what: &str, images: usize) -> Result<()> {
    match images < MIN_IMAGES {
        true => Err(Error::TooFewImages { what: what.to_owned(), images, least: MIN_IMAGES }),
        false => Ok(()),
    }
}

impl DataSplit<'_> {
    /// The features of up to 10,000 held-out images of some classes (of all if `classes` is empty).
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn held_out_features<D: Device>(
        &self,
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        shape: ImageShape,
        classes: &[u32],
    ) -> Result<Sample> {
        match (self.kind, &self.held_out) {
            (Some(kind), _) => {
                let TestFeatures { features: values, labels } = test_features(kind)?;
                let predicted = extractor.classify(device, &values)?;
                let features = Features { values, classes: predicted };
                let all = Sample { features, labels };
                Ok(if classes.is_empty() { all } else { all.of_classes(classes) })
            }
            (None, Some(images)) => {
                let images = images.subset(classes, MAX_HELD_OUT, shape);
                Sample::of(device, extractor, images.labelled())
            }
            (None, None) => Ok(Sample { features: Features::default(), labels: Vec::new() }),
        }
    }

    /// The features of up to `count` training images of some classes (of all if `classes` is
    /// empty).
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn training_features<D: Device>(
        &self,
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        shape: ImageShape,
        (classes, count): (&[u32], usize),
    ) -> Result<Sample> {
        let images = self.training.subset(classes, count, shape);
        Sample::of(device, extractor, images.labelled())
    }
}

//! Extracts the features of images: with a classifier, or, for images without classes, from their
//! pixels.

use crate::data::{ImageShape, reshape, stacked_class};
use crate::device::Device;
use crate::eval::Result;
use crate::eval::classifier::{Classifier, FEATURES, Features};

/// Height and width to which images are reduced when their pixels are the features.
const REDUCED_SIZE: usize = 16;

/// Extracts the features of images of one shape.
pub struct FeatureExtractor<D: Device> {
    classifier: Option<Classifier<D>>,
    /// The shape of the images that the classifier takes, before they are resized.
    shape: ImageShape,
    /// How many of them are in an image: 1, or 3 for stacked digits.
    parts: usize,
}

impl<D: Device> FeatureExtractor<D> {
    /// An extractor for images of this shape. Without a classifier, their pixels are the features.
    pub fn new(classifier: Option<Classifier<D>>, shape: ImageShape) -> Self {
        Self { classifier, shape, parts: 1 }
    }

    /// An extractor for images whose channels are images of their own, such as stacked digits: the
    /// features of an image are those of its channels, one after the other.
    pub fn of_channels(classifier: Classifier<D>, shape: ImageShape) -> Self {
        let channel = ImageShape { channels: 1, ..shape };
        Self { classifier: Some(classifier), shape: channel, parts: shape.channels }
    }

    /// The classifier, if there is one.
    pub fn classifier(&self) -> Option<&Classifier<D>> {
        self.classifier.as_ref()
    }

    /// The number of classes, if there is a classifier.
    pub fn classes(&self) -> Option<usize> {
        let classes = self.classifier.as_ref()?.info().classes;
        Some(classes.pow(self.parts as u32))
    }

    /// The number of modes, if the images are stacked digits.
    pub fn modes(&self) -> Option<usize> {
        self.classes().filter(|_| self.parts > 1)
    }

    /// The number of features of an image.
    pub fn dimensions(&self) -> usize {
        match &self.classifier {
            Some(_) => FEATURES * self.parts,
            None => reduced(self.shape).pixels(),
        }
    }

    /// Extracts features and classes of images: bytes, channels first. There are no classes without
    /// a classifier.
    ///
    /// # Errors
    /// When the device fails, or there is not enough memory for the resized images.
    #[inline(never)]
    pub fn extract(&mut self, device: &D, images: &[u8]) -> Result<Features> {
        match &mut self.classifier {
            Some(classifier) => {
                let images = reshape(images, self.shape, classifier.info().image())?;
                let Features { values, classes } = classifier.extract(device, &images)?;
                Ok(Features { values, classes: self.joined(classes) })
            }
            None => {
                let images = reshape(images, self.shape, reduced(self.shape))?;
                let values = images.iter().map(|&byte| f32::from(byte) / 255.0).collect();
                Ok(Features { values, classes: Vec::new() })
            }
        }
    }

    /// Predicts classes from features; returns none without a classifier.
    ///
    /// # Errors
    /// When the device fails.
    #[inline(never)]
    pub fn classify(&mut self, device: &D, features: &[f32]) -> Result<Vec<u32>> {
        match &mut self.classifier {
            Some(classifier) => {
                let classes = classifier.classify(device, features)?;
                Ok(self.joined(classes))
            }
            None => Ok(Vec::new()),
        }
    }

    /// The classes of images from those of their parts.
    fn joined(&self, classes: Vec<u32>) -> Vec<u32> {
        let of_part = self.classifier.as_ref().map_or(0, |of| of.info().classes);
        classes.chunks_exact(self.parts).map(|parts| stacked_class(parts, of_part)).collect()
    }
}

/// The shape to which images are reduced when their pixels are the features.
fn reduced(shape: ImageShape) -> ImageShape {
    ImageShape { height: REDUCED_SIZE, width: REDUCED_SIZE, ..shape }
}

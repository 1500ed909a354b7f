//! Extracts the features of images: with a classifier, or, for images without classes, from their
//! pixels.

use crate::data::{ImageShape, reshape};
use crate::device::Device;
use crate::eval::Result;
use crate::eval::classifier::{Classifier, FEATURES, Features};

/// Height and width to which images are reduced when their pixels are the features.
const REDUCED_SIZE: usize = 16;

/// Extracts the features of images of one shape.
pub struct FeatureExtractor<D: Device> {
    classifier: Option<Classifier<D>>,
    /// The shape of the images.
    shape: ImageShape,
}

impl<D: Device> FeatureExtractor<D> {
    /// An extractor for images of this shape. Without a classifier, their pixels are the features.
    pub fn new(classifier: Option<Classifier<D>>, shape: ImageShape) -> Self {
        Self { classifier, shape }
    }

    /// The classifier, if there is one.
    pub fn classifier(&self) -> Option<&Classifier<D>> {
        self.classifier.as_ref()
    }

    /// The number of features of an image.
    pub fn dimensions(&self) -> usize {
        match &self.classifier {
            Some(_) => FEATURES,
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
                classifier.extract(device, &images)
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
            Some(classifier) => classifier.classify(device, features),
            None => Ok(Vec::new()),
        }
    }
}

/// The shape to which images are reduced when their pixels are the features.
fn reduced(shape: ImageShape) -> ImageShape {
    ImageShape { height: REDUCED_SIZE, width: REDUCED_SIZE, ..shape }
}

//! What sees images as features: a classifier, or where there are no classes their own pixels.

use crate::data::{ImageShape, reshape};
use crate::device::Device;
use crate::eval::Result;
use crate::eval::classifier::{Classifier, FEATURES, Seen};

/// Rows and columns of the images whose pixels are the features.
const PIXEL_SIDE: usize = 16;

/// Sees images of one shape as features.
pub struct Eye<D: Device> {
    classifier: Option<Classifier<D>>,
    /// Of the images that it is shown.
    shape: ImageShape,
}

impl<D: Device> Eye<D> {
    /// An eye for images of this shape; without a classifier it sees their pixels.
    pub fn new(classifier: Option<Classifier<D>>, shape: ImageShape) -> Self {
        Self { classifier, shape }
    }

    /// The classifier, where there is one.
    pub fn classifier(&self) -> Option<&Classifier<D>> {
        self.classifier.as_ref()
    }

    /// Numbers that an image is seen as.
    pub fn dimensions(&self) -> usize {
        match &self.classifier {
            Some(_) => FEATURES,
            None => small(self.shape).pixels(),
        }
    }

    /// Sees images, bytes plane by plane. Pixels have no classes.
    ///
    /// # Errors
    /// When the device fails, or there is no memory for the images in another size.
    pub fn see(&mut self, device: &D, images: &[u8]) -> Result<Seen> {
        match &mut self.classifier {
            Some(classifier) => {
                let images = reshape(images, self.shape, classifier.about().image())?;
                classifier.look(device, &images)
            }
            None => {
                let images = reshape(images, self.shape, small(self.shape))?;
                let features = images.iter().map(|&byte| f32::from(byte) / 255.0).collect();
                Ok(Seen { features, classes: Vec::new() })
            }
        }
    }

    /// The classes that features speak for; none without a classifier.
    ///
    /// # Errors
    /// When the device fails.
    pub fn classify(&mut self, device: &D, features: &[f32]) -> Result<Vec<u32>> {
        match &mut self.classifier {
            Some(classifier) => classifier.classify(device, features),
            None => Ok(Vec::new()),
        }
    }
}

/// The shape of images whose pixels are the features.
fn small(shape: ImageShape) -> ImageShape {
    ImageShape { height: PIXEL_SIDE, width: PIXEL_SIDE, ..shape }
}

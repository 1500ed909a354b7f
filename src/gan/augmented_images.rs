//! The augmented images that the discriminator sees.

use super::settings::Settings;
use crate::device::{Device, Result};
use crate::nn::Matrix;

/// Augmented images.
pub(super) struct AugmentedImages<D: Device> {
    /// Real images, fakes and points between them.
    pub(super) images: Matrix<D>,
    /// The gradient of the generator's loss with respect to the fakes.
    pub(super) gradients: Matrix<D>,
}

impl<D: Device> AugmentedImages<D> {
    /// Memory for `rows` images, if they are to be augmented.
    pub(super) fn new(device: &D, settings: &Settings, rows: usize) -> Result<Option<Self>> {
        if settings.augment.is_empty() {
            return Ok(None);
        }
        let zeros = |rows| Matrix::zeros(device, rows, settings.image.pixels());
        Ok(Some(Self { images: zeros(rows)?, gradients: zeros(settings.batch_size)? }))
    }
}

//! Random augmentation of images on CUDA: a block for each image.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::codes::augmentation;
use crate::device::ops::{Augment, AugmentShape, Augmentation, Augmentations};

impl Augment for Cuda {
    fn augment_forward(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        draws: View<'_, f32>,
        shape: AugmentShape,
    ) {
        let AugmentShape { rows, channels, height, width, augmentations } = shape;
        let (launch, bits) = (self.blocks(rows), augmentations.bits());
        self.gpu.kernels.augment_forward(launch, y, x, draws, rows, channels, height, width, bits);
    }

    fn augment_backward(
        &self,
        dx: ViewMut<'_, f32>,
        dy: View<'_, f32>,
        draws: View<'_, f32>,
        shape: AugmentShape,
    ) {
        let AugmentShape { rows, channels, height, width, augmentations } = shape;
        let (launch, bits) = (self.blocks(rows), augmentations.bits());
        let kernels = &self.gpu.kernels;
        kernels.augment_backward(launch, dx, dy, draws, rows, channels, height, width, bits);
    }
}

impl Augmentations {
    /// The kernels' bits of a set.
    fn bits(self) -> u32 {
        let bit = |one| match one {
            Augmentation::Flip => augmentation::FLIP,
            Augmentation::Translate => augmentation::TRANSLATE,
            Augmentation::Cutout => augmentation::CUTOUT,
            Augmentation::Colour => augmentation::COLOUR,
        };
        self.iter().map(bit).sum()
    }
}

//! Batches from the resident data set on CUDA.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{Batch, BatchShape};

impl Batch for Cuda {
    fn images_gather(
        &self,
        x: ViewMut<'_, f32>,
        images: View<'_, u8>,
        order: View<'_, u32>,
        step: View<'_, u32>,
        shape: BatchShape,
    ) {
        let BatchShape { rows, batch_size, iterations_per_epoch, pixels } = shape;
        assert!(x.len() == rows * pixels && images.len() == order.len() * pixels);
        self.kernels.images_gather(
            self.elements(rows * pixels),
            x,
            images,
            order,
            step,
            rows,
            pixels,
            batch_size,
            iterations_per_epoch,
        );
    }

    fn labels_gather(
        &self,
        labels: ViewMut<'_, u32>,
        all: View<'_, u32>,
        order: View<'_, u32>,
        step: View<'_, u32>,
        shape: BatchShape,
    ) {
        let BatchShape { rows, batch_size, iterations_per_epoch, .. } = shape;
        assert!(labels.len() == rows && all.len() == order.len());
        self.kernels.labels_gather(
            self.elements(rows),
            labels,
            all,
            order,
            step,
            rows,
            batch_size,
            iterations_per_epoch,
        );
    }
}

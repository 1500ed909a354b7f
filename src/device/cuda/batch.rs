//! Gathering batches from the data set in device memory, on CUDA.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{Batch, BatchShape};

impl Batch for Cuda {
    fn batch_gather(
        &self,
        x: ViewMut<'_, f32>,
        labels: Option<(ViewMut<'_, u32>, View<'_, u32>)>,
        images: View<'_, u8>,
        order: View<'_, u32>,
        step: View<'_, u32>,
        shape: BatchShape,
    ) {
        let BatchShape { rows, batch_size, iterations_per_epoch, pixels } = shape;
        let (to, from) = labels.unzip();
        self.gpu.kernels.batch_gather(
            self.elements(rows * pixels),
            x,
            to,
            images,
            from,
            order,
            step,
            order.len(),
            rows,
            pixels,
            batch_size,
            iterations_per_epoch,
        );
    }

    fn labels_repeat(&self, labels: ViewMut<'_, u32>, blocks: usize, rows: usize) {
        self.gpu.kernels.labels_repeat(self.elements(rows), labels, blocks, rows);
    }
}

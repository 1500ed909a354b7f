//! Gathering batches from the data set in memory, on the CPU.

use super::simd::vectorized;
use super::{Cpu, CpuReal};
use crate::device::ops::{Batch, BatchShape, contract};

impl<T: CpuReal> Batch for Cpu<T> {
    fn batch_gather(
        &self,
        x: &mut [T],
        labels: Option<(&mut [u32], &[u32])>,
        images: &[u8],
        order: &[u32],
        step: &[u32],
        shape: BatchShape,
    ) {
        let BatchShape { rows, pixels, .. } = shape;
        let (to, from) = labels.unzip();
        contract::batch_gather(
            &x,
            to.as_ref(),
            &images,
            from.as_ref(),
            &order,
            &step,
            order.len(),
            rows,
            pixels,
        );
        let start = step[0] as usize % shape.iterations_per_epoch * shape.batch_size;
        let order = &order[start..][..rows];
        if let (Some(to), Some(from)) = (to, from) {
            for (label, &image) in to.iter_mut().zip(order) {
                *label = from[image as usize];
            }
        }
        let (half, full) = (T::from_f64(0.5), T::from_f64(255.0));
        self.pool.column_blocks(x, shape.pixels, |mut block| {
            let first = block.first_column();
            vectorized(
                #[inline(always)]
                || {
                    for (i, &image) in order.iter().enumerate() {
                        let x = block.row(i);
                        let image = &images[image as usize * shape.pixels + first..][..x.len()];
                        for (x, &u) in x.iter_mut().zip(image) {
                            *x = (T::from_byte(u) / full - half) / half;
                        }
                    }
                },
            );
        });
    }

    fn labels_repeat(&self, labels: &mut [u32], blocks: usize, rows: usize) {
        contract::labels_repeat(&labels, blocks, rows);
        labels.copy_within(0..rows, (blocks - 1) * rows);
    }
}

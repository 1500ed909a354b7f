//! Label embeddings on the CPU: small, so mostly copying of rows.

use super::simd::vectorized;
use super::{Cpu, CpuReal};
use crate::device::ops::{Embedding, EmbeddingShape, contract};

impl<T: CpuReal> Embedding for Cpu<T> {
    fn embedding_concat(
        &self,
        y: &mut [T],
        x: &[T],
        table: &[T],
        labels: &[u32],
        shape: &EmbeddingShape,
    ) {
        let &EmbeddingShape { rows, pixels, classes, width, inputs, stride, .. } = shape;
        shape.check_stride();
        contract::embedding_concat(
            &y, &x, &table, &labels, rows, pixels, inputs, classes, width, stride,
        );
        self.pool.chunks(y, pixels * stride, |at, y| {
            for (i, y) in y.chunks_exact_mut(stride).enumerate() {
                let (row, pixel) = ((at / stride + i) / pixels, (at / stride + i) % pixels);
                let (x, label) = (&x[row * inputs * pixels..], labels[row] as usize);
                y[shape.label_columns()].copy_from_slice(&table[label * width..][..width]);
                let y_columns = y[shape.input_columns()].iter_mut();
                y_columns.zip(x[pixel..].iter().step_by(pixels)).for_each(|(y, &x)| *y = x);
                y[shape.columns()..].fill(T::ZERO);
            }
        });
    }

    fn embedding_backward(
        &self,
        dtable: &mut [T],
        dy: &[T],
        labels: &[u32],
        shape: &EmbeddingShape,
        accumulate: bool,
    ) {
        let &EmbeddingShape { rows, pixels, classes, width, .. } = shape;
        contract::embedding_backward(&dtable, &dy, &labels, rows, pixels, classes, width);
        if !accumulate {
            dtable.fill(T::ZERO);
        }
        for (dy, &label) in dy.chunks_exact(pixels * width).zip(labels) {
            let row = &mut dtable[label as usize * width..][..width];
            for (j, sum) in row.iter_mut().enumerate() {
                *sum += dy[j..].iter().step_by(width).copied().sum::<T>();
            }
        }
    }

    fn embedding_backward_linear(
        &self,
        dtable: &mut [T],
        dz: &[T],
        w: &[T],
        labels: &[u32],
        shape: &EmbeddingShape,
        outputs: usize,
        accumulate: bool,
    ) {
        let &EmbeddingShape { rows, classes, width, stride, .. } = shape;
        contract::embedding_backward_linear(
            &dtable, &dz, &w, &labels, rows, outputs, classes, width, stride,
        );
        let sums = &mut self.column_sums(classes * outputs)[..];
        self.pool.chunks(sums, outputs, |at, sums| {
            for (class, sums) in (at / outputs..).zip(sums.chunks_exact_mut(outputs)) {
                sum_of_class(sums, dz, labels, class as u32);
            }
        });
        let (sums, first) = (&*sums, shape.label_columns().start);
        self.pool.chunks(dtable, width, |at, dtable| {
            for (class, row) in (at / width..).zip(dtable.chunks_exact_mut(width)) {
                if !accumulate {
                    row.fill(T::ZERO);
                }
                let sums = &sums[class * outputs..][..outputs];
                for (&sum, w) in sums.iter().zip(w.chunks_exact(stride)) {
                    row.iter_mut().zip(&w[first..]).for_each(|(d, &w)| *d += sum * w);
                }
            }
        });
    }
}

/// The sum of the rows of dz that have this label.
fn sum_of_class<T: CpuReal>(sums: &mut [T], dz: &[T], labels: &[u32], class: u32) {
    vectorized(
        #[inline(always)]
        || {
            sums.fill(T::ZERO);
            let rows = labels.iter().enumerate().filter(|(_, label)| **label == class);
            for (row, _) in rows {
                let dz = &dz[row * sums.len()..][..sums.len()];
                sums.iter_mut().zip(dz).for_each(|(sum, &d)| *sum += d);
            }
        },
    );
}

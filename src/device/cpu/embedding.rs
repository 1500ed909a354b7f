//! Label embeddings on the CPU: small, so mostly a matter of copying rows.

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
        let &EmbeddingShape { rows, classes, width, inputs, stride, .. } = shape;
        shape.check_stride();
        contract::embedding_concat(&y, &x, &table, &labels, rows, inputs, classes, width, stride);
        for (i, y) in y.chunks_exact_mut(shape.stride).enumerate() {
            let label = labels[i] as usize;
            y[shape.label_columns()].copy_from_slice(&table[label * shape.width..][..shape.width]);
            y[shape.input_columns()].copy_from_slice(&x[i * shape.inputs..][..shape.inputs]);
            y[shape.columns()..].fill(T::ZERO);
        }
    }

    fn embedding_backward(
        &self,
        dtable: &mut [T],
        dy: &[T],
        labels: &[u32],
        shape: &EmbeddingShape,
        accumulate: bool,
    ) {
        let &EmbeddingShape { rows, classes, width, .. } = shape;
        contract::embedding_backward(&dtable, &dy, &labels, rows, classes, width);
        if !accumulate {
            dtable.fill(T::ZERO);
        }
        for (dy, &label) in dy.chunks_exact(shape.width).zip(labels) {
            let row = &mut dtable[label as usize * shape.width..][..shape.width];
            row.iter_mut().zip(dy).for_each(|(sum, &d)| *sum += d);
        }
    }
}

//! Label embeddings on CUDA.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{Embedding, EmbeddingShape};

impl Embedding for Cuda {
    fn embedding_concat(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        table: View<'_, f32>,
        labels: View<'_, u32>,
        shape: &EmbeddingShape,
    ) {
        let &EmbeddingShape { rows, classes, width, inputs, label_first, stride } = shape;
        assert!(y.len() == rows * stride && shape.columns() <= stride);
        assert!(x.len() == rows * inputs);
        assert!(table.len() == classes * width && labels.len() == rows);
        let launch = self.elements(y.len());
        let first = u32::from(label_first);
        self.gpu
            .kernels
            .embedding_concat(launch, y, x, table, labels, rows, inputs, width, stride, first);
    }

    fn embedding_backward(
        &self,
        dtable: ViewMut<'_, f32>,
        dy: View<'_, f32>,
        labels: View<'_, u32>,
        shape: &EmbeddingShape,
        accumulate: bool,
    ) {
        let &EmbeddingShape { rows, classes, width, .. } = shape;
        assert!(dtable.len() == classes * width && dy.len() == rows * width);
        assert!(labels.len() == rows);
        // Each number of the table is a sum over rows.
        let (launch, add) = (self.columns(classes * width), u32::from(accumulate));
        self.gpu.kernels.embedding_backward(launch, dtable, dy, labels, rows, classes, width, add);
    }
}

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
        let &EmbeddingShape { rows, pixels, classes, width, inputs, label_first, stride } = shape;
        shape.check_stride();
        self.gpu.kernels.embedding_concat(
            self.elements(rows * pixels * stride),
            y,
            x,
            table,
            labels,
            rows,
            pixels,
            inputs,
            classes,
            width,
            stride,
            label_first.into(),
        );
    }

    fn embedding_backward(
        &self,
        dtable: ViewMut<'_, f32>,
        dy: View<'_, f32>,
        labels: View<'_, u32>,
        shape: &EmbeddingShape,
        accumulate: bool,
    ) {
        let &EmbeddingShape { rows, pixels, classes, width, .. } = shape;
        self.gpu.kernels.embedding_backward(
            // Each element of the table's gradient is a sum over rows.
            self.columns(classes * width),
            dtable,
            dy,
            labels,
            rows,
            pixels,
            classes,
            width,
            accumulate.into(),
        );
    }
}

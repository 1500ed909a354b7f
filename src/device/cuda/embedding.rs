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

    fn embedding_backward_linear(
        &self,
        dtable: ViewMut<'_, f32>,
        dz: View<'_, f32>,
        w: View<'_, f32>,
        labels: View<'_, u32>,
        shape: &EmbeddingShape,
        outputs: usize,
        accumulate: bool,
    ) {
        let &EmbeddingShape { rows, classes, width, stride, .. } = shape;
        self.fork();
        self.gpu.kernels.embedding_backward_linear(
            self.blocks(classes).on_branch(),
            dtable,
            dz,
            w,
            labels,
            rows,
            outputs,
            classes,
            width,
            stride,
            shape.label_columns().start,
            accumulate.into(),
        );
    }
}

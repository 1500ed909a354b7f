//! Label embeddings.

use std::ops::Range;

use crate::device::{In, InInts, Memory, Out};

/// Extents of a label embedding concatenated to a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Pixels of a row; 1 unless it is an image.
    pub pixels: usize,
    /// Rows of the table.
    pub classes: usize,
    /// Columns of the table.
    pub width: usize,
    /// Columns of the batch, without the embedding; channels of an image.
    pub inputs: usize,
    /// Whether the embedding comes before the batch's columns, instead of after.
    pub label_first: bool,
    /// Elements from one row (or pixel) of the concatenation to the next, at least
    /// [`EmbeddingShape::columns`].
    pub stride: usize,
}

impl EmbeddingShape {
    /// Columns of the concatenation.
    pub fn columns(&self) -> usize {
        self.inputs + self.width
    }

    /// Panics unless both fit into a row.
    #[track_caller]
    pub(in crate::device) fn check_stride(&self) {
        let (columns, stride) = (self.columns(), self.stride);
        assert!(columns <= stride, "embedding_concat: {columns} columns in rows of {stride}");
    }

    /// The columns of the embedding.
    pub fn label_columns(&self) -> Range<usize> {
        if self.label_first { 0..self.width } else { self.inputs..self.columns() }
    }

    /// The columns of the batch.
    pub fn input_columns(&self) -> Range<usize> {
        if self.label_first { self.width..self.columns() } else { 0..self.inputs }
    }
}

/// Learned embeddings of class labels: PyTorch's
/// [`Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html) and `cat`.
pub trait Embedding: Memory {
    /// y\[i, p\] = (table\[label\[i\]\] ‖ x\[i, :, p\]), or in the reverse order. An image is converted
    /// from channels first to channels last, with the embedding at every pixel.
    ///
    /// y (rows, pixels, stride), x (rows, inputs, pixels), table (classes, width), labels (rows). The
    /// remaining columns of y are set to 0.
    fn embedding_concat(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        table: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
    );

    /// dtable\[c\] = Σ over rows i with label\[i\] = c, and all pixels p, of dy\[i, p\], in a fixed
    /// order; with `accumulate` added to the existing values.
    ///
    /// dtable (classes, width), dy (rows, pixels, width): the gradient of the embedding's columns only.
    fn embedding_backward(
        &self,
        dtable: Out<'_, Self>,
        dy: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
        accumulate: bool,
    );

    /// The same in front of a Linear layer, from dz (rows, outputs), the gradient of its product:
    /// dtable\[c\] = (Σ over rows i with label\[i\] = c of dz\[i\])·W, restricted to the embedding's
    /// columns.
    ///
    /// dtable (classes, width), w (outputs, stride), labels (rows); features count as one pixel. A device
    /// may run this concurrently with the operations queued next, under the conditions of
    /// [`linear_backward_weight`](super::Linear::linear_backward_weight).
    fn embedding_backward_linear(
        &self,
        dtable: Out<'_, Self>,
        dz: In<'_, Self>,
        w: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
        outputs: usize,
        accumulate: bool,
    );
}

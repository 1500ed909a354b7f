//! Label embeddings.

use std::ops::Range;

use crate::device::{In, InInts, Memory, Out};

/// Extents of a label embedding put beside a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Pixels of a row; 1 where it is none of an image.
    pub pixels: usize,
    /// Rows of the table.
    pub classes: usize,
    /// Columns of the table.
    pub width: usize,
    /// Columns of the batch, without the embedding; channels of an image.
    pub inputs: usize,
    /// Whether the embedding stands before the batch's columns, else behind.
    pub label_first: bool,
    /// Numbers from one row (of an image, one pixel) of both together to the next, at least [`EmbeddingShape::columns`].
    pub stride: usize,
}

impl EmbeddingShape {
    /// Columns of batch and embedding together.
    pub fn columns(&self) -> usize {
        self.inputs + self.width
    }

    /// Panics where a row has no room for both.
    #[track_caller]
    pub(in crate::device) fn check_stride(&self) {
        let (columns, stride) = (self.columns(), self.stride);
        assert!(columns <= stride, "embedding_concat: {columns} columns in rows of {stride}");
    }

    /// Which of these columns are the embedding's.
    pub fn label_columns(&self) -> Range<usize> {
        if self.label_first { 0..self.width } else { self.inputs..self.columns() }
    }

    /// Which of these columns are the batch's.
    pub fn input_columns(&self) -> Range<usize> {
        if self.label_first { self.width..self.columns() } else { 0..self.inputs }
    }
}

/// Class labels as learnt vectors: PyTorch's
/// [`Embedding`](https://docs.pytorch.org/docs/stable/generated/torch.nn.Embedding.html) and `cat`.
pub trait Embedding: Memory {
    /// y\[i, p\] = (table\[label\[i\]\] ‖ x\[i, :, p\]), or the two the other way round: an image
    /// comes in as planes and goes out channels last, with the embedding at every pixel.
    ///
    /// y (rows, pixels, stride), x (rows, inputs, pixels), table (classes, width), labels (rows). What a
    /// row of y has behind both is set to 0.
    fn embedding_concat(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        table: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
    );

    /// dtable\[c\] = Σ over rows i with label\[i\] = c, and all pixels p, of dy\[i, p\], in a fixed
    /// order; with `accumulate` added to what is there.
    ///
    /// dtable (classes, width), dy (rows, pixels, width): the gradient of the embedding's columns alone.
    fn embedding_backward(
        &self,
        dtable: Out<'_, Self>,
        dy: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: &EmbeddingShape,
        accumulate: bool,
    );
}

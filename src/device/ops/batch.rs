//! Gathering batches from the data set in device memory.

use crate::device::{InInts, Memory, Out, OutInts};

/// The batch of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Images in this batch (the last of an epoch may be short).
    pub rows: usize,
    /// Images in a full batch.
    pub batch_size: usize,
    /// Iterations in an epoch; the batch starts at (step mod this)·batch_size in the order.
    pub iterations_per_epoch: usize,
    /// Pixels in an image, times channels.
    pub pixels: usize,
}

/// Gathering batches from the data set in device memory.
pub trait Batch: Memory {
    /// x\[i\] = images\[order\[start + i\]\] scaled to [−1, 1]: (u/255 − 0.5)/0.5; with labels,
    /// to\[i\] = from\[order\[start + i\]\].
    ///
    /// x (rows, pixels), labels: to (rows), from (count); images (count, pixels) bytes, order (count).
    fn batch_gather(
        &self,
        x: Out<'_, Self>,
        labels: Option<(OutInts<'_, Self>, InInts<'_, Self>)>,
        images: Self::View<'_, u8>,
        order: InInts<'_, Self>,
        step: InInts<'_, Self>,
        shape: BatchShape,
    );

    /// Updates labels (blocks, rows): the last block becomes a copy of the first.
    fn labels_repeat(&self, labels: OutInts<'_, Self>, blocks: usize, rows: usize);
}

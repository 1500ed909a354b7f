//! Batches from the resident data set.

use crate::device::{InInts, Memory, Out, OutInts};

/// Which images make up the batch of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Images in this batch (the last of an epoch may be short).
    pub rows: usize,
    /// Images in a full batch.
    pub batch_size: usize,
    /// Iterations in an epoch; the batch begins at (step mod this)·batch_size in the order.
    pub iterations_per_epoch: usize,
    /// Numbers in an image.
    pub pixels: usize,
}

/// Batches from the resident data set.
pub trait Batch: Memory {
    /// x\[i\] = images\[order\[start + i\]\] scaled to [−1, 1]: (u/255 − 0.5)/0.5; and where
    /// labels are asked for, to\[i\] = from\[order\[start + i\]\].
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
}

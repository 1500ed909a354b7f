//! Noise and dropout masks, and all inputs of an iteration.

use crate::choice::choices;
use crate::device::{InInts, Memory, Out, OutInts};
use crate::rng::Stream;

/// The batch of an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchShape {
    /// Images of this batch that this rank has.
    pub rows: usize,
    /// The first of them in the batch.
    pub first: usize,
    /// Images of this batch on all ranks (the last of an epoch may be short).
    pub whole: usize,
    /// Images in a full batch.
    pub batch_size: usize,
    /// Iterations in an epoch; the batch starts at (step mod this)·batch_size in the order.
    pub iterations_per_epoch: usize,
    /// Pixels in an image, times channels.
    pub pixels: usize,
}

choices! {
    /// The distribution of a generator's latent noise.
    pub enum Latent {
        /// Standard normal.
        Normal = "normal",
        /// Uniform in [−1, 1).
        Uniform = "uniform",
    }
}

/// Random numbers: element e at iteration `step` is a function of (seed, site, step, e) only, by
/// [`crate::rng`]'s formulas, so every device generates the same numbers.
pub trait Random: Memory {
    /// Fills z with noise, in `parts` parts of the same length: the first uses the stream's site, each
    /// further one the next site.
    fn noise_sample(
        &self,
        z: Out<'_, Self>,
        step: InInts<'_, Self>,
        stream: Stream,
        latent: Latent,
        parts: usize,
    );

    /// Fills dropout masks with 0 (with probability p) and 1/(1 − p), which preserves the mean.
    ///
    /// The table (count, 2) has the site and the columns of each mask of rows·columns elements; masks
    /// (Σ rows·columns) has them one after the other.
    fn masks_sample(
        &self,
        masks: Out<'_, Self>,
        table: InInts<'_, Self>,
        step: InInts<'_, Self>,
        seed: u64,
        rows: usize,
        p: f64,
    );

    /// All inputs of an iteration: x\[i\] = images\[order\[start + first + i\]\] scaled to [−1, 1],
    /// (u/255 − 0.5)/0.5; and what `draws` lists, in `floats` and, for labels, in `integers`. Those of
    /// images are labels\[order\[start + first + i\]\]. What is drawn for a row depends on its place in
    /// the batch alone, whatever rank has it.
    ///
    /// x (rows, pixels); images (count, pixels) bytes, labels, order (count); draws (any,
    /// [`DRAW_WORDS`](super::DRAW_WORDS)): [`Draw::words`](super::Draw::words) of each.
    fn batch_prepare(
        &self,
        x: Out<'_, Self>,
        floats: Out<'_, Self>,
        integers: OutInts<'_, Self>,
        images: Self::View<'_, u8>,
        labels: InInts<'_, Self>,
        order: InInts<'_, Self>,
        draws: InInts<'_, Self>,
        step: InInts<'_, Self>,
        shape: BatchShape,
        seed: u64,
    );
}

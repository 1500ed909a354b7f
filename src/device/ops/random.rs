//! Noise, labels and dropout masks.

use crate::choice::choices;
use crate::device::{InInts, Memory, Out, OutInts};
use crate::rng::Stream;

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

    /// Fills u with uniform random numbers in [0, 1).
    fn uniform_sample(&self, u: Out<'_, Self>, step: InInts<'_, Self>, stream: Stream);

    /// Fills labels with uniformly distributed classes in 0..classes; in parts like
    /// [`Random::noise_sample`].
    fn labels_sample(
        &self,
        labels: OutInts<'_, Self>,
        step: InInts<'_, Self>,
        stream: Stream,
        classes: usize,
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
}

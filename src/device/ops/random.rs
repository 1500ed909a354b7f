//! Noise, labels and dropout masks.

use crate::choice::choices;
use crate::device::{InInts, Memory, Out, OutInts};
use crate::rng::Stream;

choices! {
    /// The distribution that a generator's noise is drawn from.
    pub enum Latent {
        /// Standard normal.
        Normal = "normal",
        /// Uniform in [−1, 1).
        Uniform = "uniform",
    }
}

/// Random numbers: element e at iteration `step` is a function of (seed, site, step, e) alone,
/// by [`crate::rng`]'s formulas, so every device draws the same.
pub trait Random: Memory {
    /// Fills z with noise, in `parts` parts of the same length: the first is drawn for the stream's
    /// site, each other one for the next site.
    fn noise_draw(
        &self,
        z: Out<'_, Self>,
        step: InInts<'_, Self>,
        stream: Stream,
        latent: Latent,
        parts: usize,
    );

    /// Fills labels with classes in 0..classes, each as likely as the others; in parts as
    /// [`Random::noise_draw`].
    fn labels_draw(
        &self,
        labels: OutInts<'_, Self>,
        step: InInts<'_, Self>,
        stream: Stream,
        classes: usize,
        parts: usize,
    );

    /// Fills masks with 0 (share p) and 1/(1 − p): dropout that keeps the mean.
    ///
    /// The table (count, 2) has site and columns of each mask, of rows·columns numbers; masks
    /// (Σ rows·columns) has them one behind the other.
    fn masks_draw(
        &self,
        masks: Out<'_, Self>,
        table: InInts<'_, Self>,
        step: InInts<'_, Self>,
        seed: u64,
        rows: usize,
        p: f64,
    );
}

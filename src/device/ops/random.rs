//! Noise, labels and dropout masks.

use crate::device::{InInts, Memory, Out, OutInts};
use crate::rng::Stream;

/// The distribution that a generator's noise is drawn from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, clap::ValueEnum,
)]
#[serde(rename_all = "lowercase")]
pub enum Latent {
    /// Standard normal.
    Normal,
    /// Uniform in [−1, 1).
    Uniform,
}

/// Random numbers: element e at iteration `step` is a function of (seed, site, step, e) alone,
/// by [`crate::rng`]'s formulas, so every device draws the same.
pub trait Random: Memory {
    /// Fills z with noise.
    fn noise_draw(&self, z: Out<'_, Self>, step: InInts<'_, Self>, stream: Stream, latent: Latent);

    /// Fills labels with classes in 0..classes, each as likely as the others.
    fn labels_draw(
        &self,
        labels: OutInts<'_, Self>,
        step: InInts<'_, Self>,
        stream: Stream,
        classes: usize,
    );

    /// Fills mask with 0 (share p) and 1/(1 − p): dropout that keeps the mean.
    fn mask_draw(&self, mask: Out<'_, Self>, step: InInts<'_, Self>, stream: Stream, p: f64);
}

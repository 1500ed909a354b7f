//! Noise, labels and dropout masks on CUDA, four numbers per Philox call.

use super::Cuda;
use super::codes::latent;
use super::memory::{View, ViewMut};
use crate::device::ops::{Latent, Random};
use crate::rng::{Stream, keep_threshold};

impl Random for Cuda {
    fn noise_sample(
        &self,
        z: ViewMut<'_, f32>,
        step: View<'_, u32>,
        stream: Stream,
        latent: Latent,
        parts: usize,
    ) {
        let latent = match latent {
            Latent::Normal => latent::NORMAL,
            Latent::Uniform => latent::UNIFORM,
        };
        let (n, [low, high]) = (z.len() / parts, words(stream.seed));
        let launch = self.elements(parts * n.div_ceil(4));
        self.gpu.kernels.noise_sample(launch, z, step, parts, n, latent, stream.site, low, high);
    }

    fn uniform_sample(&self, u: ViewMut<'_, f32>, step: View<'_, u32>, stream: Stream) {
        let (n, [low, high]) = (u.len(), words(stream.seed));
        let launch = self.elements(n.div_ceil(4));
        self.gpu.kernels.uniform_sample(launch, u, step, n, stream.site, low, high);
    }

    fn labels_sample(
        &self,
        labels: ViewMut<'_, u32>,
        step: View<'_, u32>,
        stream: Stream,
        classes: usize,
        parts: usize,
    ) {
        let (n, [low, high]) = (labels.len() / parts, words(stream.seed));
        let launch = self.elements(parts * n.div_ceil(4));
        let classes = classes as u32;
        self.gpu.kernels.labels_sample(
            launch,
            labels,
            step,
            parts,
            n,
            classes,
            stream.site,
            low,
            high,
        );
    }

    fn masks_sample(
        &self,
        masks: ViewMut<'_, f32>,
        table: View<'_, u32>,
        step: View<'_, u32>,
        seed: u64,
        rows: usize,
        p: f64,
    ) {
        let (count, [low, high]) = (table.len() / 2, words(seed));
        let least = keep_threshold(p);
        let kept = (1.0 / (1.0 - p)) as f32;
        // Each mask may end within a block of four.
        let launch = self.elements(masks.len() / 4 + count);
        self.gpu
            .kernels
            .masks_sample(launch, masks, table, step, count, rows, least, kept, low, high);
    }
}

/// The low and high words of a seed.
fn words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

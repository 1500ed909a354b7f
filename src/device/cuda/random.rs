//! Noise, labels and dropout masks on CUDA, four numbers a Philox call.

use super::Cuda;
use super::codes::latent;
use super::memory::{View, ViewMut};
use crate::device::ops::{Latent, Random};
use crate::rng::{Stream, least_kept};

impl Random for Cuda {
    fn noise_draw(
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
        self.gpu.kernels.noise_draw(launch, z, step, parts, n, latent, stream.site, low, high);
    }

    fn labels_draw(
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
        self.gpu.kernels.labels_draw(
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

    fn masks_draw(
        &self,
        masks: ViewMut<'_, f32>,
        table: View<'_, u32>,
        step: View<'_, u32>,
        seed: u64,
        rows: usize,
        p: f64,
    ) {
        let (count, [low, high]) = (table.len() / 2, words(seed));
        let least = least_kept(p);
        let kept = (1.0 / (1.0 - p)) as f32;
        // Each mask may end inside of a block of four.
        let launch = self.elements(masks.len() / 4 + count);
        self.gpu
            .kernels
            .masks_draw(launch, masks, table, step, count, rows, least, kept, low, high);
    }
}

/// The low and the high half of a seed.
fn words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

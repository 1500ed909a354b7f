//! Noise, labels and dropout masks on CUDA, four numbers a Philox call.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{Latent, Random};
use crate::rng::Stream;

impl Random for Cuda {
    fn noise_draw(&self, z: ViewMut<'_, f32>, step: View<'_, u32>, stream: Stream, latent: Latent) {
        let latent = match latent {
            Latent::Normal => 0,
            Latent::Uniform => 1,
        };
        let (n, [low, high]) = (z.len(), words(stream.seed));
        let launch = self.elements(n.div_ceil(4));
        self.kernels.noise_draw(launch, z, step, n, latent, stream.site, low, high);
    }

    fn labels_draw(
        &self,
        labels: ViewMut<'_, u32>,
        step: View<'_, u32>,
        stream: Stream,
        classes: usize,
    ) {
        let (n, [low, high]) = (labels.len(), words(stream.seed));
        let launch = self.elements(n.div_ceil(4));
        self.kernels.labels_draw(launch, labels, step, n, classes as u32, stream.site, low, high);
    }

    fn mask_draw(&self, mask: ViewMut<'_, f32>, step: View<'_, u32>, stream: Stream, p: f64) {
        let (n, [low, high]) = (mask.len(), words(stream.seed));
        // A word is kept with probability 1 − p when it is at least p · 2³².
        let least = (p * 4_294_967_296.0) as u32;
        let kept = (1.0 / (1.0 - p)) as f32;
        let launch = self.elements(n.div_ceil(4));
        self.kernels.mask_draw(launch, mask, step, n, least, kept, stream.site, low, high);
    }
}

/// The low and the high half of a seed.
fn words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

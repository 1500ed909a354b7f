//! Random inputs on CUDA, four numbers per Philox call, and gathering of images.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::codes::latent;
use crate::device::ops::{BatchShape, DRAW_WORDS, Latent, Random};
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

    fn batch_prepare(
        &self,
        x: ViewMut<'_, f32>,
        floats: ViewMut<'_, f32>,
        integers: ViewMut<'_, u32>,
        images: View<'_, u8>,
        labels: View<'_, u32>,
        order: View<'_, u32>,
        draws: View<'_, u32>,
        step: View<'_, u32>,
        shape: BatchShape,
        seed: u64,
    ) {
        let BatchShape { rows, first, whole, batch_size, iterations_per_epoch, pixels } = shape;
        let (count, [low, high]) = (draws.len() / DRAW_WORDS, words(seed));
        // Each draw may begin and end within a block of four.
        let blocks = (floats.len() + integers.len()) / 4 + 2 * count;
        self.gpu.kernels.batch_prepare(
            self.elements((rows * pixels).max(blocks)),
            x,
            floats,
            integers,
            images,
            labels,
            order,
            draws,
            step,
            order.len(),
            rows,
            first,
            whole,
            pixels,
            batch_size,
            iterations_per_epoch,
            count,
            low,
            high,
        );
    }
}

/// The low and high words of a seed.
fn words(seed: u64) -> [u32; 2] {
    [seed as u32, (seed >> 32) as u32]
}

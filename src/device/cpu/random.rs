//! Random inputs on the CPU, four numbers per Philox call, and gathering of images.

use std::f64::consts::TAU;

use super::simd::vectorized;
use super::{Cpu, CpuReal};
use crate::device::codes::drawn;
use crate::device::ops::{BatchShape, Latent, Random, contract};
use crate::device::{Element, Real};
use crate::rng::{Stream, below, keep_threshold, unit};

impl<T: CpuReal> Random for Cpu<T> {
    fn noise_sample(
        &self,
        z: &mut [T],
        step: &[u32],
        stream: Stream,
        latent: Latent,
        parts: usize,
    ) {
        contract::noise_sample(&z, &step, parts, z.len() / parts);
        for (z, stream) in streams(z, stream, parts) {
            match latent {
                Latent::Normal => self.fill(z, 0, step[0], stream, normal_pairs),
                Latent::Uniform => self.fill(z, 0, step[0], stream, each(signed_unit)),
            }
        }
    }

    fn masks_sample(
        &self,
        mut masks: &mut [T],
        table: &[u32],
        step: &[u32],
        seed: u64,
        rows: usize,
        p: f64,
    ) {
        contract::masks_sample(&table, &step, table.len() / 2);
        let threshold = keep_threshold(p);
        let kept = T::from_f64(1.0 / (1.0 - p));
        for &[site, columns] in table.as_chunks().0 {
            let (mask, rest) = std::mem::take(&mut masks).split_at_mut(rows * columns as usize);
            let element = each(move |word| if word >= threshold { kept } else { T::ZERO });
            self.fill(mask, 0, step[0], Stream { seed, site }, element);
            masks = rest;
        }
        assert!(masks.is_empty(), "masks are as long as the table says");
    }

    fn batch_prepare(
        &self,
        x: &mut [T],
        floats: &mut [T],
        integers: &mut [u32],
        images: &[u8],
        labels: &[u32],
        order: &[u32],
        draws: &[u32],
        step: &[u32],
        shape: BatchShape,
        seed: u64,
    ) {
        let BatchShape { rows, first: first_row, whole, pixels, .. } = shape;
        let (draws, count) = (draws.as_chunks().0, order.len());
        contract::batch_prepare(
            &x,
            &images,
            &labels,
            &order,
            &draws.as_flattened(),
            &step,
            count,
            rows,
            pixels,
            draws.len(),
        );
        let start = step[0] as usize % shape.iterations_per_epoch * shape.batch_size;
        let order = &order[start + first_row..][..rows];
        self.gather(x, images, order, pixels);
        for &[kind, site, start, before, columns, batches, pack, first, second] in draws {
            let [pack, batches] = [pack, batches].map(|n| n as usize);
            let (units, columns) = (rows / pack, columns as usize / batches);
            let (begin, len) = (start as usize + before as usize * units, columns * units);
            let (step, stream) = (step[0], Stream { seed, site });
            for batch in 0..batches {
                let range = begin + batch * len..begin + (batch + 1) * len;
                let at = columns * (batch * (whole / pack) + first_row / pack);
                match kind {
                    drawn::NORMAL_NOISE => {
                        self.fill(&mut floats[range], at, step, stream, normal_pairs);
                    }
                    drawn::UNIFORM_NOISE => {
                        self.fill(&mut floats[range], at, step, stream, each(signed_unit));
                    }
                    drawn::UNIT => {
                        self.fill(&mut floats[range], at, step, stream, each(unsigned_unit));
                    }
                    drawn::MASK => {
                        let kept = T::from_f64(f64::from(f32::from_bits(second)));
                        let element = each(move |word| if word >= first { kept } else { T::ZERO });
                        self.fill(&mut floats[range], at, step, stream, element);
                    }
                    drawn::CLASSES => {
                        let label = each(move |word| below(word, first as usize) as u32);
                        self.fill(&mut integers[range], at, step, stream, label);
                    }
                    _ => {
                        let of_images = order.iter().map(|&image| labels[image as usize]);
                        let pairs = integers[range].iter_mut().zip(of_images);
                        pairs.for_each(|(to, label)| *to = label);
                    }
                }
            }
        }
    }
}

/// The parts of a buffer, each with its random stream.
fn streams<E>(
    out: &mut [E],
    stream: Stream,
    parts: usize,
) -> impl Iterator<Item = (&mut [E], Stream)> {
    let sites = stream.site..;
    out.chunks_mut(out.len() / parts).zip(sites.map(move |site| Stream { site, ..stream }))
}

impl<T: CpuReal> Cpu<T> {
    /// Copies the images `order` to x, scaled to [−1, 1].
    fn gather(&self, x: &mut [T], images: &[u8], order: &[u32], pixels: usize) {
        let (half, full) = (T::from_f64(0.5), T::from_f64(255.0));
        self.pool.column_blocks(x, pixels, |mut block| {
            let first = block.first_column();
            vectorized(
                #[inline(always)]
                || {
                    for (i, &image) in order.iter().enumerate() {
                        let x = block.row(i);
                        let image = &images[image as usize * pixels + first..][..x.len()];
                        for (x, &u) in x.iter_mut().zip(image) {
                            *x = (T::from_byte(u) / full - half) / half;
                        }
                    }
                },
            );
        });
    }

    /// Fills `out`, the stream's elements from `first` on, with the output of `make` for each block of
    /// four random words. (The closures own what they use: behind references, values could change with
    /// `out`, and the loop would not vectorize.)
    fn fill<E: Element>(
        &self,
        out: &mut [E],
        first: usize,
        iteration: u32,
        stream: Stream,
        make: impl Fn([u32; 4]) -> [E; 4] + Copy + Sync,
    ) {
        // The end of a block that begins before `out`.
        let (skipped, head) = (first % 4, (first.next_multiple_of(4) - first).min(out.len()));
        let (head, out) = out.split_at_mut(head);
        if !head.is_empty() {
            let block = make(stream.block((first / 4) as u32, iteration));
            head.copy_from_slice(&block[skipped..][..head.len()]);
        }
        let first = first.div_ceil(4);
        self.pool.chunks(out, 16, move |at, out| {
            vectorized(
                #[inline(always)]
                move || {
                    let first = (first + at / 4) as u32;
                    let (whole, rest) = out.as_chunks_mut::<4>();
                    let last = first + whole.len() as u32;
                    for (i, out) in whole.iter_mut().enumerate() {
                        *out = make(stream.block(first + i as u32, iteration));
                    }
                    let words = make(stream.block(last, iteration));
                    rest.copy_from_slice(&words[..rest.len()]);
                },
            );
        });
    }
}

/// Calls `f` with each word. (`words.map(f)` is not always inlined.)
#[inline(always)]
fn each<E>(f: impl Fn(u32) -> E + Copy + Sync) -> impl Fn([u32; 4]) -> [E; 4] + Copy + Sync {
    #[inline(always)]
    move |[a, b, c, d]| [f(a), f(b), f(c), f(d)]
}

/// A word as a number in [0, 1).
fn unsigned_unit<T: Real>(word: u32) -> T {
    T::from_f64(f64::from(unit(word)))
}

/// A word as a number in [−1, 1).
fn signed_unit<T: Real>(word: u32) -> T {
    let u = T::from_f64(f64::from(unit(word)));
    u + u - T::ONE
}

/// The Box–Muller transform: from two uniform words, two independent normal numbers.
fn normal_pairs<T: Real>(words: [u32; 4]) -> [T; 4] {
    let pair = |a: u32, b: u32| {
        // In (0, 1], so that the logarithm is finite.
        let u = T::from_f64(f64::from(unit(a)) + 1.0 / 16_777_216.0);
        let radius = (T::from_f64(-2.0) * u.ln()).sqrt();
        let (sin, cos) = T::from_f64(TAU * f64::from(unit(b))).sin_cos();
        [radius * cos, radius * sin]
    };
    let [[a, b], [c, d]] = [pair(words[0], words[1]), pair(words[2], words[3])];
    [a, b, c, d]
}

//! Gradient penalties on the CPU.

use super::simd::vectorized;
use super::{Cpu, CpuReal};
use crate::device::ops::{Penalties, PenaltyShape, RING_COLUMNS, RING_ROWS, contract};

impl<T: CpuReal> Penalties for Cpu<T> {
    fn images_interpolate(&self, images: &mut [T], alpha: &[T], pixels: usize) {
        contract::images_interpolate(&images, &alpha, alpha.len(), pixels);
        let (real, others) = images.split_at_mut(alpha.len() * pixels);
        let (fake, x) = others.split_at_mut(real.len());
        self.pool.chunks(x, pixels, |at, x| {
            vectorized(
                #[inline(always)]
                || {
                    for (i, x) in x.chunks_exact_mut(pixels).enumerate() {
                        let (at, alpha) = (at + i * pixels, alpha[at / pixels + i]);
                        let images = real[at..][..pixels].iter().zip(&fake[at..][..pixels]);
                        for (x, (&real, &fake)) in x.iter_mut().zip(images) {
                            *x = alpha * real + (T::ONE - alpha) * fake;
                        }
                    }
                },
            );
        });
    }

    fn penalty_forward_backward(
        &self,
        v: &mut [T],
        ring: &mut [T],
        step: &[u32],
        shape: PenaltyShape,
    ) {
        let PenaltyShape { rows, whole, pixels, penalty, factor, scale } = shape;
        let mut squares = self.column_sums(rows);
        contract::penalty_forward_backward(&v, &&*squares, rows, pixels, rows);
        contract::penalty_total(&ring, &&*squares, &step, rows, RING_ROWS, RING_COLUMNS);
        let norm = T::from_f64(penalty.norm());
        let slope = T::from_f64(scale * 2.0 * factor / whole as f64);
        self.pool.parts((v, pixels), [&mut squares], 1, |_, g, [square]| {
            vectorized(
                #[inline(always)]
                || {
                    let length = sum_of_squares(g).sqrt();
                    let factor = if length > T::ZERO { T::ONE - norm / length } else { T::ZERO };
                    g.iter_mut().for_each(|g| *g = slope * factor * *g);
                    square[0] = (length - norm) * (length - norm);
                },
            );
        });
        let sum = squares.iter().fold(T::ZERO, |sum, &square| sum + square);
        let at = step[0] as usize % RING_ROWS * RING_COLUMNS + penalty.column();
        ring[at] = T::from_f64(factor / whole as f64) * sum;
    }

    fn rows_scale(&self, y: &mut [T], x: &[T], weights: &[T], columns: usize, accumulate: bool) {
        contract::rows_scale(&y, &x, &weights, weights.len(), columns);
        self.pool.chunks(y, columns, |at, y| {
            vectorized(
                #[inline(always)]
                || {
                    for (i, y) in y.chunks_exact_mut(columns).enumerate() {
                        let weight = weights[at / columns + i];
                        let pairs = y.iter_mut().zip(&x[at + i * columns..][..columns]);
                        match accumulate {
                            false => pairs.for_each(|(y, &x)| *y = weight * x),
                            true => pairs.for_each(|(y, &x)| *y += weight * x),
                        }
                    }
                },
            );
        });
    }

    fn constant_fill(&self, x: &mut [T], value: f64) {
        contract::constant_fill(&x, x.len());
        self.pool.chunks(x, 16, |_, x| x.fill(T::from_f64(value)));
    }
}

/// Σ g², in eight sums, so that vectors can be used.
#[inline(always)]
fn sum_of_squares<T: CpuReal>(g: &[T]) -> T {
    let (eights, rest) = g.as_chunks::<8>();
    let mut sums = [T::ZERO; 8];
    for eight in eights {
        for i in 0..8 {
            sums[i] += eight[i] * eight[i];
        }
    }
    let sum = sums.iter().fold(T::ZERO, |sum, &part| sum + part);
    rest.iter().fold(sum, |sum, &g| sum + g * g)
}

//! Convolutions as loops over outputs: in double precision the reference of the tests, in single
//! precision what serves images of few channels, for which a tile would be mostly empty.

use std::array;
use std::ops::Range;

use super::super::simd::vectorized;
use super::super::team::Team;
use super::window::Windows;
use crate::device::Real;
use crate::device::ops::ConvolutionShape;

/// Partial sums of a dot product: four vectors of AVX2.
const SUMS: usize = 32;

/// A convolution of x, some channels of it.
pub(super) fn forward<T: Real>(
    team: &Team,
    y: &mut [T],
    x: &[T],
    w: &[T],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [T]) + Sync,
) {
    let (windows, width) = (Windows::forward(&shape), channels.len());
    team.chunks(y, width, |at, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            let (image, output) = windows.locate(at / width + i);
            let x = &x[image * windows.source_len()..][..windows.source_len()];
            vectorized(
                #[inline(always)]
                || {
                    y.fill(T::ZERO);
                    for tap in 0..windows.taps() {
                        let Some(source) = windows.source(output, tap) else { continue };
                        let w = w.chunks_exact(shape.outputs).skip(tap * shape.inputs);
                        for (&x, w) in x[source..source + shape.inputs].iter().zip(w) {
                            let w = &w[channels.clone()];
                            y.iter_mut().zip(w).for_each(|(y, &w)| *y += x * w);
                        }
                    }
                    finish(at / width + i, y);
                },
            );
        }
    });
}

/// A transposed convolution of y, some channels of it.
pub(super) fn transpose<T: Real>(
    team: &Team,
    x: &mut [T],
    y: &[T],
    w: &[T],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [T]) + Sync,
) {
    let [height, width] = shape.x_pixels;
    let row = width * channels.len();
    team.chunks(x, row, |at, x| {
        for (line, x) in x.chunks_exact_mut(row).enumerate() {
            let (image, line) = ((at / row + line) / height, (at / row + line) % height);
            let y = &y[image * shape.y_len() / shape.rows..][..shape.y_len() / shape.rows];
            transpose_line(x, y, w, &shape, &channels, line);
            let first = (image * height + line) * width;
            vectorized(
                #[inline(always)]
                || {
                    let pixels = x.chunks_exact_mut(channels.len()).enumerate();
                    pixels.for_each(|(column, x)| finish(first + column, x));
                },
            );
        }
    });
}

/// A line of pixels of one image.
fn transpose_line<T: Real>(
    x: &mut [T],
    y: &[T],
    w: &[T],
    shape: &ConvolutionShape,
    channels: &Range<usize>,
    line: usize,
) {
    let (stride, outputs) = (shape.stride, shape.outputs);
    let block = |place: usize| &w[place * shape.inputs * outputs..][..shape.inputs * outputs];
    for remainder in 0..stride.min(shape.x_pixels[1]) {
        let windows = Windows::transposed(shape, line % stride * stride + remainder);
        let pixels = x.chunks_exact_mut(channels.len()).skip(remainder).step_by(stride);
        for (column, x) in pixels.enumerate() {
            let output = super::window::Output { row: line / stride, column };
            vectorized(
                #[inline(always)]
                || {
                    for (x, q) in x.iter_mut().zip(channels.clone()) {
                        let mut sums = [T::ZERO; SUMS];
                        for tap in 0..windows.taps() {
                            let Some(source) = windows.source(output, tap) else { continue };
                            let w = &block(windows.place(tap))[q * outputs..(q + 1) * outputs];
                            add_products(&mut sums, &y[source..source + outputs], w);
                        }
                        *x = sums.into_iter().sum();
                    }
                },
            );
        }
    }
}

/// Adds the products of two rows to partial sums, a fixed one for each place.
#[inline(always)]
fn add_products<T: Real>(sums: &mut [T; SUMS], a: &[T], b: &[T]) {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<SUMS>(), b.as_chunks::<SUMS>());
    for (a, b) in a.iter().zip(b) {
        *sums = array::from_fn(|i| sums[i] + a[i] * b[i]);
    }
    for (i, (&a, &b)) in a_rest.iter().zip(b_rest).enumerate() {
        sums[i] += a * b;
    }
}

/// The gradient of the weights.
pub(super) fn backward_weight<T: Real>(
    team: &Team,
    dw: &mut [T],
    dy: &[T],
    x: &[T],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    let (windows, outputs) = (Windows::forward(&shape), shape.outputs);
    team.chunks(dw, outputs, |at, dw| {
        for (i, dw) in dw.chunks_exact_mut(outputs).enumerate() {
            let (tap, channel) =
                ((at / outputs + i) / shape.inputs, (at / outputs + i) % shape.inputs);
            if !accumulate {
                dw.fill(T::ZERO);
            }
            for (number, dy) in dy.chunks_exact(outputs).enumerate() {
                let (image, output) = windows.locate(number);
                let Some(source) = windows.source(output, tap) else { continue };
                let x = x[image * windows.source_len() + source + channel];
                dw.iter_mut().zip(dy).for_each(|(dw, &dy)| *dw += x * dy);
            }
        }
    });
}

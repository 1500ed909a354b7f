//! Convolutions as plain loops over outputs: in double precision, the reference of the tests.

use std::ops::Range;

use super::super::simd::vectorized;
use super::super::thread_pool::ThreadPool;
use super::window::{Output, Windows};
use crate::device::Real;
use crate::device::ops::ConvolutionShape;

/// A convolution of x, some channels of it.
pub(super) fn forward<T: Real>(
    pool: &ThreadPool,
    y: &mut [T],
    x: &[T],
    w: &[T],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [T]) + Sync,
) {
    let (windows, width) = (Windows::forward(&shape), channels.len());
    pool.chunks(y, width, |at, y| {
        for (i, y) in y.chunks_exact_mut(width).enumerate() {
            let (image, output) = windows.locate(at / width + i);
            let x = &x[image * windows.source_len()..][..windows.source_len()];
            vectorized(
                #[inline(always)]
                || {
                    y.fill(T::ZERO);
                    windows.each_tap(output, |tap, source| {
                        let w = w.chunks_exact(shape.outputs).skip(tap * shape.inputs);
                        for (&x, w) in x[source..source + shape.inputs].iter().zip(w) {
                            let w = &w[channels.clone()];
                            y.iter_mut().zip(w).for_each(|(y, &w)| *y += x * w);
                        }
                    });
                    finish(at / width + i, y);
                },
            );
        }
    });
}

/// A transposed convolution of y, some channels of it.
pub(super) fn transpose<T: Real>(
    pool: &ThreadPool,
    x: &mut [T],
    y: &[T],
    w: &[T],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [T]) + Sync,
) {
    let [height, width] = shape.x_pixels;
    let row = width * channels.len();
    pool.chunks(x, row, |at, x| {
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

/// A row of pixels of one image.
fn transpose_line<T: Real>(
    x: &mut [T],
    y: &[T],
    w: &[T],
    shape: &ConvolutionShape,
    channels: &Range<usize>,
    line: usize,
) {
    let (stride, outputs) = (shape.stride, shape.outputs);
    for (pixel, x) in x.chunks_exact_mut(channels.len()).enumerate() {
        let windows = Windows::transposed(shape, line % stride * stride + pixel % stride);
        let output = Output { row: line / stride, column: pixel / stride };
        for (x, channel) in x.iter_mut().zip(channels.clone()) {
            *x = T::ZERO;
            windows.each_tap(output, |tap, source| {
                let w = &w[(tap * shape.inputs + channel) * outputs..][..outputs];
                *x += y[source..source + outputs].iter().zip(w).map(|(&y, &w)| y * w).sum();
            });
        }
    }
}

/// The gradient of the weights.
pub(super) fn backward_weight<T: Real>(
    pool: &ThreadPool,
    dw: &mut [T],
    dy: &[T],
    x: &[T],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    let (windows, outputs) = (Windows::forward(&shape), shape.outputs);
    pool.chunks(dw, outputs, |at, dw| {
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

/// y = xᵀ, where x is (rows, columns).
pub(super) fn transpose_image<T: Real>(y: &mut [T], x: &[T], [rows, columns]: [usize; 2]) {
    for (column, y) in y.chunks_exact_mut(rows).enumerate() {
        let x = x[column..].iter().step_by(columns);
        y.iter_mut().zip(x).for_each(|(y, &x)| *y = x);
    }
}

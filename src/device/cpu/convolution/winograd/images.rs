//! Transforms of images and back.
//!
//! The transformed data exceeds a core's private caches. So while one tile is processed, the next
//! one's memory is prefetched, a cache line of channels at a time.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use pulp::Simd;

use super::super::super::gemm::tile::{prefetch, prefetch_for_writing};
use super::super::super::simd::vectorized;
use super::lanes::{Lanes, Work};
use super::tiling::{GRAIN, PHASES, Tiling, Transformed, padded};
use super::transform::{Transform, transform_2d};

/// Transforms x, tile by tile and phase by phase: Bᵀ·x·B.
pub(super) struct Data<'a, X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    /// The first tile.
    pub first: usize,
    pub x: &'a [f32],
    pub to: Transformed,
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Work for Data<'_, X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let inputs = self.tiling.shape.inputs;
        for phase in 0..PHASES {
            for channel in (0..padded(inputs)).step_by(Lanes::<S>::COUNT) {
                self.channels(simd, number, phase, channel);
            }
        }
    }
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Data<'_, X, M, N> {
    /// Some channels of a phase.
    #[inline(always)]
    fn channels<S: Simd>(&self, simd: S, number: usize, phase: usize, channel: usize) {
        let inputs = self.tiling.shape.inputs;
        let [height, width] = self.tiling.shape.x_pixels;
        let (image, [row, column]) = self.tiling.locate(self.first + number);
        let rows = self.tiling.x_pixels(0, row, phase);
        let columns = self.tiling.x_pixels(1, column, phase);
        let x = &self.x[image * height * width * inputs..][..height * width * inputs];
        let first = rows.first.wrapping_mul(width).wrapping_add(columns.first);
        let x = x.as_ptr().wrapping_add(first.wrapping_mul(inputs).wrapping_add(channel));
        let (down, right) = (2 * width * inputs, 2 * inputs);
        let len = Lanes::<S>::COUNT.min(inputs.saturating_sub(channel));
        let column = phase * padded(inputs) + channel;
        if channel.is_multiple_of(GRAIN) {
            let ahead = self.tiling.x_ahead(self.first + number).wrapping_mul(inputs);
            each::<N>(x.wrapping_add(ahead), [down, right], prefetch);
            self.to.fetch(number + 1, column, prefetch_for_writing);
        }
        let (to, step) = (self.to.number(number, column), self.to.step);
        transform_2d(
            #[inline(always)]
            |i, j| {
                if !rows.has::<N>(i) || !columns.has::<N>(j) {
                    return Lanes::zero(simd);
                }
                // SAFETY: the pixel is in the image and has these channels.
                unsafe { Lanes::read_some(simd, x.wrapping_add(i * down + j * right), len) }
            },
            #[inline(always)]
            |numbers| self.tile.data(numbers),
            #[inline(always)]
            |i, j, lanes| {
                // SAFETY: these numbers of the tile are this part's.
                unsafe { lanes.write(to.wrapping_add((i * N + j) * step)) }
            },
        );
    }
}

/// From transformed x to x, image by image: B·v·Bᵀ, summed where tiles overlap.
pub(super) struct FromData<'a, X, F, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    /// The first image.
    pub first: usize,
    pub from: Transformed,
    pub x: *mut f32,
    /// Channels of x in memory.
    pub width: usize,
    /// Those of them that are in `from`.
    pub channels: Range<usize>,
    /// The epilogue, once all channels are complete.
    pub finish: Option<&'a F>,
}

// SAFETY: each part writes its own image.
unsafe impl<X: Sync, F: Sync, const M: usize, const N: usize> Sync for FromData<'_, X, F, M, N> {}

impl<X, F, const M: usize, const N: usize> Work for FromData<'_, X, F, M, N>
where
    X: Transform<M, N>,
    F: Fn(usize, &mut [f32]) + Sync,
{
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        for tile in 0..self.tiling.per_image() {
            let tile = number * self.tiling.per_image() + tile;
            for phase in 0..PHASES {
                for channel in (0..self.channels.len()).step_by(Lanes::<S>::COUNT) {
                    // SAFETY: the image is this part's.
                    unsafe { self.channels(simd, tile, phase, channel) };
                }
            }
        }
        let Some(finish) = self.finish else { return };
        let [height, width] = self.tiling.shape.x_pixels;
        let first = (self.first + number) * height * width;
        let x = self.x.wrapping_add(first * self.width);
        // SAFETY: as above.
        let x = unsafe { from_raw_parts_mut(x, height * width * self.width) };
        vectorized(
            #[inline(always)]
            || finish(first, x),
        );
    }
}

impl<X: Transform<M, N>, F, const M: usize, const N: usize> FromData<'_, X, F, M, N> {
    /// Some channels of a phase of a tile.
    ///
    /// # Safety
    /// The calling thread alone uses the image.
    #[inline(always)]
    unsafe fn channels<S: Simd>(&self, simd: S, tile: usize, phase: usize, channel: usize) {
        let [height, width] = self.tiling.shape.x_pixels;
        let (image, [row, column]) = self.tiling.locate(tile);
        let rows = self.tiling.x_pixels(0, row, phase);
        let columns = self.tiling.x_pixels(1, column, phase);
        let first = rows.first.wrapping_mul(width).wrapping_add(columns.first);
        let first = first.wrapping_add((self.first + image) * height * width);
        let x = self.x.wrapping_add(first.wrapping_mul(self.width));
        let x = x.wrapping_add(self.channels.start + channel);
        let (down, right) = (2 * width * self.width, 2 * self.width);
        let len = Lanes::<S>::COUNT.min(self.channels.len() - channel);
        let at = phase * padded(self.channels.len()) + channel;
        if channel.is_multiple_of(GRAIN) {
            let ahead = self.tiling.x_ahead(tile).wrapping_mul(self.width);
            each::<N>(x.wrapping_add(ahead), [down, right], prefetch_for_writing);
            self.from.fetch(tile + 1, at, prefetch);
        }
        let (from, step) = (self.from.number(tile, at), self.from.step);
        transform_2d(
            // SAFETY: the tile's numbers are complete.
            #[inline(always)]
            |i, j| unsafe { Lanes::read(simd, from.wrapping_add((i * N + j) * step)) },
            #[inline(always)]
            |numbers| self.tile.data_transposed(numbers),
            #[inline(always)]
            |i, j, lanes| {
                if !rows.has::<N>(i) || !columns.has::<N>(j) {
                    return;
                }
                let to = x.wrapping_add(i * down + j * right);
                // SAFETY: the caller's promise; the pixel has these channels.
                unsafe {
                    // The tile above or to the left has already written here.
                    let shared = (i == 0 && row > 0) || (j == 0 && column > 0);
                    let lanes =
                        if shared { Lanes::read_some(simd, to, len) + lanes } else { lanes };
                    lanes.write_some(to, len);
                }
            },
        );
    }
}

/// Transforms some channels of y, tile by tile: A·y·Aᵀ.
pub(super) struct Outputs<'a, X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    /// The first tile.
    pub first: usize,
    pub y: &'a [f32],
    pub channels: Range<usize>,
    pub to: Transformed,
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Work for Outputs<'_, X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let (outputs, width) = (self.tiling.shape.outputs, self.tiling.shape.y_pixels[1]);
        let first = self.tiling.y_pixel(self.first + number) * outputs + self.channels.start;
        let ahead = self.tiling.y_ahead(self.first + number).wrapping_mul(outputs);
        let (down, step) = (width * outputs, self.to.step);
        for channel in (0..self.to.columns).step_by(Lanes::<S>::COUNT) {
            let y = self.y.as_ptr().wrapping_add(first + channel);
            let len = Lanes::<S>::COUNT.min(self.channels.len().saturating_sub(channel));
            if channel.is_multiple_of(GRAIN) {
                each::<M>(y.wrapping_add(ahead), [down, outputs], prefetch);
                self.to.fetch(number + 1, channel, prefetch_for_writing);
            }
            let to = self.to.number(number, channel);
            transform_2d(
                #[inline(always)]
                |i, j| {
                    // SAFETY: the pixel is in the image and has these channels.
                    unsafe { Lanes::read_some(simd, y.wrapping_add(i * down + j * outputs), len) }
                },
                #[inline(always)]
                |numbers| self.tile.outputs_transposed(numbers),
                #[inline(always)]
                |i, j, lanes| {
                    // SAFETY: these numbers of the tile are this part's.
                    unsafe { lanes.write(to.wrapping_add((i * N + j) * step)) }
                },
            );
        }
    }
}

/// From transformed y to y, tile by tile: Aᵀ·v·A.
pub(super) struct FromOutputs<'a, X, F, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    /// The first tile.
    pub first: usize,
    pub from: Transformed,
    pub y: *mut f32,
    /// Channels of y in memory.
    pub width: usize,
    /// Those of them that are in `from`.
    pub channels: Range<usize>,
    /// The epilogue, once all channels are complete.
    pub finish: Option<&'a F>,
}

// SAFETY: each part writes the pixels of its own tile.
unsafe impl<X: Sync, F: Sync, const M: usize, const N: usize> Sync for FromOutputs<'_, X, F, M, N> {}

impl<X, F, const M: usize, const N: usize> Work for FromOutputs<'_, X, F, M, N>
where
    X: Transform<M, N>,
    F: Fn(usize, &mut [f32]) + Sync,
{
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        for channel in (0..self.channels.len()).step_by(Lanes::<S>::COUNT) {
            // SAFETY: the tile's pixels are this part's.
            unsafe { self.channels(simd, number, channel) };
        }
        let Some(finish) = self.finish else { return };
        let (first, width) =
            (self.tiling.y_pixel(self.first + number), self.tiling.shape.y_pixels[1]);
        vectorized(
            #[inline(always)]
            || {
                for i in 0..M {
                    let pixel = first + i * width;
                    let to = self.y.wrapping_add(pixel * self.width);
                    // SAFETY: as above.
                    finish(pixel, unsafe { from_raw_parts_mut(to, M * self.width) });
                }
            },
        );
    }
}

impl<X: Transform<M, N>, F, const M: usize, const N: usize> FromOutputs<'_, X, F, M, N> {
    /// Some channels of a tile.
    ///
    /// # Safety
    /// The calling thread alone uses the tile's pixels.
    #[inline(always)]
    unsafe fn channels<S: Simd>(&self, simd: S, number: usize, channel: usize) {
        let width = self.tiling.shape.y_pixels[1];
        let first = self.tiling.y_pixel(self.first + number) * self.width;
        let y = self.y.wrapping_add(first + self.channels.start + channel);
        let len = Lanes::<S>::COUNT.min(self.channels.len() - channel);
        let (down, right) = (width * self.width, self.width);
        if channel.is_multiple_of(GRAIN) {
            let ahead = self.tiling.y_ahead(self.first + number).wrapping_mul(self.width);
            each::<M>(y.wrapping_add(ahead), [down, right], prefetch_for_writing);
            self.from.fetch(number + 1, channel, prefetch);
        }
        let (from, step) = (self.from.number(number, channel), self.from.step);
        transform_2d(
            // SAFETY: the tile's numbers are complete.
            #[inline(always)]
            |i, j| unsafe { Lanes::read(simd, from.wrapping_add((i * N + j) * step)) },
            #[inline(always)]
            |numbers| self.tile.outputs(numbers),
            #[inline(always)]
            |i, j, lanes| {
                // SAFETY: the caller's promise; the pixel has these channels.
                unsafe { lanes.write_some(y.wrapping_add(i * down + j * right), len) }
            },
        );
    }
}

/// Calls `fetch` for N rows of N pixels with these strides.
#[inline(always)]
fn each<const N: usize>(first: *const f32, [down, right]: [usize; 2], fetch: impl Fn(*const f32)) {
    for i in 0..N {
        for j in 0..N {
            fetch(first.wrapping_add(i * down + j * right));
        }
    }
}

//! Images, transformed and back.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use pulp::Simd;

use super::super::super::gemm::tile::{prefetch, prefetch_for_writing};
use super::super::super::simd::vectorized;
use super::lanes::{Lanes, Work};
use super::tiling::{GRAIN, PHASES, Tiling, Transformed, padded};
use super::transform::{Tile, both};

/// Transforms x, tile by tile and phase by phase: Bᵀ·x·B.
pub(super) struct Data<'a, X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    /// The first tile.
    pub first: usize,
    pub x: &'a [f32],
    pub to: Transformed,
}

impl<X: Tile<M, N>, const M: usize, const N: usize> Work for Data<'_, X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let (inputs, step) = (self.tiling.shape.inputs, self.to.step);
        let [height, width] = self.tiling.shape.x_pixels;
        let (image, [row, column]) = self.tiling.locate(self.first + number);
        let x = &self.x[image * height * width * inputs..][..height * width * inputs];
        let ahead = self.tiling.x_ahead(self.first + number) * inputs;
        for phase in 0..PHASES {
            let parity = Tiling::parity(phase);
            let (mut rows, mut columns) = ([None; N], [None; N]);
            for i in 0..N {
                rows[i] = self.tiling.x_pixel(0, row, i, parity[0]);
                columns[i] = self.tiling.x_pixel(1, column, i, parity[1]);
            }
            for channel in (0..padded(inputs)).step_by(Lanes::<S>::COUNT) {
                let column = phase * padded(inputs) + channel;
                let to = self.to.number(number, column);
                if channel.is_multiple_of(GRAIN) {
                    self.to.fetch(number + 1, column, prefetch_for_writing);
                }
                let channels = channel.min(inputs)..(channel + Lanes::<S>::COUNT).min(inputs);
                both(
                    #[inline(always)]
                    |i, j| match (rows[i], columns[j]) {
                        (Some(row), Some(column)) => {
                            let pixel = &x[(row * width + column) * inputs..][..inputs];
                            let pixel = &pixel[channels.clone()];
                            prefetch(pixel.as_ptr().wrapping_add(ahead));
                            Lanes::load(simd, pixel)
                        }
                        _ => Lanes::zero(simd),
                    },
                    #[inline(always)]
                    |numbers| self.tile.data(numbers),
                    #[inline(always)]
                    |i, j, lanes| {
                        let to = to.wrapping_add((i * N + j) * step);
                        // SAFETY: these numbers of the tile are this part's.
                        unsafe { lanes.write(to) }
                    },
                );
            }
        }
    }
}

/// From transformed x to x, image by image: B·v·Bᵀ, added up where tiles overlap.
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
    /// What follows, when all channels are there.
    pub finish: Option<&'a F>,
}

// SAFETY: each part writes an image of its own.
unsafe impl<X: Sync, F: Sync, const M: usize, const N: usize> Sync for FromData<'_, X, F, M, N> {}

impl<X, F, const M: usize, const N: usize> Work for FromData<'_, X, F, M, N>
where
    X: Tile<M, N>,
    F: Fn(usize, &mut [f32]) + Sync,
{
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let [height, width] = self.tiling.shape.x_pixels;
        let len = height * width * self.width;
        // SAFETY: the image is this part's.
        let x = unsafe { from_raw_parts_mut(self.x.add((self.first + number) * len), len) };
        for tile in 0..self.tiling.per_image() {
            for phase in 0..PHASES {
                self.phase(simd, x, number * self.tiling.per_image() + tile, phase);
            }
        }
        if let Some(finish) = self.finish {
            vectorized(
                #[inline(always)]
                || finish((self.first + number) * height * width, x),
            );
        }
    }
}

impl<X: Tile<M, N>, F, const M: usize, const N: usize> FromData<'_, X, F, M, N> {
    /// One phase of a tile.
    #[inline(always)]
    fn phase<S: Simd>(&self, simd: S, x: &mut [f32], tile: usize, phase: usize) {
        let (_, [row, column]) = self.tiling.locate(tile);
        let parity = Tiling::parity(phase);
        let (mut rows, mut columns) = ([None; N], [None; N]);
        for i in 0..N {
            rows[i] = self.tiling.x_pixel(0, row, i, parity[0]);
            columns[i] = self.tiling.x_pixel(1, column, i, parity[1]);
        }
        let (count, step) = (padded(self.channels.len()), self.from.step);
        let ahead = self.tiling.x_ahead(tile) * self.width;
        for channel in (0..self.channels.len()).step_by(Lanes::<S>::COUNT) {
            let from = self.from.number(tile, phase * count + channel);
            if channel.is_multiple_of(GRAIN) {
                self.from.fetch(tile + 1, phase * count + channel, prefetch);
            }
            let len = Lanes::<S>::COUNT.min(self.channels.len() - channel);
            both(
                #[inline(always)]
                |i, j| {
                    let from = from.wrapping_add((i * N + j) * step);
                    // SAFETY: the tile's numbers are complete.
                    unsafe { Lanes::read(simd, from) }
                },
                #[inline(always)]
                |numbers| self.tile.data_transposed(numbers),
                #[inline(always)]
                |i, j, lanes| {
                    let (Some(y), Some(x_)) = (rows[i], columns[j]) else { return };
                    let at = (y * self.tiling.shape.x_pixels[1] + x_) * self.width
                        + self.channels.start
                        + channel;
                    let to = &mut x[at..][..len];
                    prefetch_for_writing(to.as_ptr().wrapping_add(ahead));
                    // The tile above or to the left has been here before.
                    match (i == 0 && row > 0) || (j == 0 && column > 0) {
                        true => (Lanes::load(simd, to) + lanes).store(to),
                        false => lanes.store(to),
                    }
                },
            );
        }
    }
}

/// Transforms y, tile by tile: A·y·Aᵀ, some channels of it.
pub(super) struct Outputs<'a, X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    /// The first tile.
    pub first: usize,
    pub y: &'a [f32],
    pub channels: Range<usize>,
    pub to: Transformed,
}

impl<X: Tile<M, N>, const M: usize, const N: usize> Work for Outputs<'_, X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let (outputs, step) = (self.tiling.shape.outputs, self.to.step);
        let [height, width] = self.tiling.shape.y_pixels;
        let (image, [row, column]) = self.tiling.locate(self.first + number);
        let first = (image * height + row * M) * width + column * M;
        let ahead = self.tiling.y_ahead(self.first + number) * outputs;
        for channel in (0..padded(self.channels.len())).step_by(Lanes::<S>::COUNT) {
            let to = self.to.number(number, channel);
            if channel.is_multiple_of(GRAIN) {
                self.to.fetch(number + 1, channel, prefetch_for_writing);
            }
            let end = self.channels.end;
            let start = (self.channels.start + channel).min(end);
            let channels = start..(start + Lanes::<S>::COUNT).min(end);
            both(
                #[inline(always)]
                |i, j| {
                    let pixel = &self.y[(first + i * width + j) * outputs..][..outputs];
                    let pixel = &pixel[channels.clone()];
                    prefetch(pixel.as_ptr().wrapping_add(ahead));
                    Lanes::load(simd, pixel)
                },
                #[inline(always)]
                |numbers| self.tile.outputs_transposed(numbers),
                #[inline(always)]
                |i, j, lanes| {
                    let to = to.wrapping_add((i * N + j) * step);
                    // SAFETY: these numbers of the tile are this part's.
                    unsafe { lanes.write(to) }
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
    /// What follows, when all channels are there.
    pub finish: Option<&'a F>,
}

// SAFETY: each part writes the pixels of a tile of its own.
unsafe impl<X: Sync, F: Sync, const M: usize, const N: usize> Sync for FromOutputs<'_, X, F, M, N> {}

impl<X, F, const M: usize, const N: usize> Work for FromOutputs<'_, X, F, M, N>
where
    X: Tile<M, N>,
    F: Fn(usize, &mut [f32]) + Sync,
{
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let [height, width] = self.tiling.shape.y_pixels;
        let (image, [row, column]) = self.tiling.locate(self.first + number);
        let first = (image * height + row * M) * width + column * M;
        let step = self.from.step;
        let ahead = self.tiling.y_ahead(self.first + number) * self.width;
        for channel in (0..self.channels.len()).step_by(Lanes::<S>::COUNT) {
            let from = self.from.number(number, channel);
            if channel.is_multiple_of(GRAIN) {
                self.from.fetch(number + 1, channel, prefetch);
            }
            let len = Lanes::<S>::COUNT.min(self.channels.len() - channel);
            both(
                #[inline(always)]
                |i, j| {
                    let from = from.wrapping_add((i * N + j) * step);
                    // SAFETY: the tile's numbers are complete.
                    unsafe { Lanes::read(simd, from) }
                },
                #[inline(always)]
                |numbers| self.tile.outputs(numbers),
                #[inline(always)]
                |i, j, lanes| {
                    let pixel = (first + i * width + j) * self.width;
                    let to = self.y.wrapping_add(pixel + self.channels.start + channel);
                    prefetch_for_writing(to.wrapping_add(ahead));
                    // SAFETY: the tile's pixels are this part's, and have these channels.
                    lanes.store(unsafe { from_raw_parts_mut(to, len) });
                },
            );
        }
        let Some(finish) = self.finish else { return };
        vectorized(
            #[inline(always)]
            || {
                for pixel in (0..M).map(|i| first + i * width) {
                    let to = self.y.wrapping_add(pixel * self.width);
                    // SAFETY: the tile's pixels are this part's.
                    finish(pixel, unsafe { from_raw_parts_mut(to, M * self.width) });
                }
            },
        );
    }
}

//! Transforming and packing weights, and transforming their gradient back.
#![allow(unsafe_code)]

use std::ops::Range;

use pulp::Simd;

use super::super::super::gemm::kernel::Kernels;
use super::super::super::gemm::tile::{prefetch, prefetch_for_writing};
use super::super::super::scratch::Parts;
use super::batched_gemm::Packed;
use super::lanes::{Lanes, Work};
use super::tiling::{GRAIN, Tiling, Transformed, padded};
use super::transform::{Transform, transform_2d};

/// Packs G·w·Gᵀ with a column for each of some channels of y; a part is a channel of x in one phase.
pub(super) struct Columns<'a, X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    pub w: &'a [f32],
    /// Channels of y.
    pub outputs: Range<usize>,
    pub to: Packed,
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Work for Columns<'_, X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let inputs = padded(self.tiling.shape.inputs);
        let (phase, channel) = (number / inputs, number % inputs);
        let (depth, step) = (self.to.block_of(number), self.to.step());
        for panel in self.to.panels(&depth) {
            let row = panel.data.wrapping_add((number - depth.start) * panel.width);
            (0..N * N).for_each(|p| prefetch_for_writing(row.wrapping_add(p * step + panel.width)));
            for column in (0..panel.width).step_by(Lanes::<S>::COUNT) {
                let first = (self.outputs.start + panel.first + column).min(self.outputs.end);
                let outputs = first..(first + Lanes::<S>::COUNT).min(self.outputs.end);
                transform_2d(
                    #[inline(always)]
                    |i, j| {
                        if channel >= self.tiling.shape.inputs {
                            return Lanes::zero(simd);
                        }
                        let w = &self.w[self.tiling.weight(phase, [i, j], channel)..];
                        let w = &w[outputs.clone()];
                        // SAFETY: the slice's length.
                        unsafe { Lanes::read_some(simd, w.as_ptr(), w.len()) }
                    },
                    #[inline(always)]
                    |numbers| self.tile.weights(numbers),
                    #[inline(always)]
                    |i, j, lanes| {
                        let to = row.wrapping_add((i * N + j) * step + column);
                        // SAFETY: this row of the panels is this part's.
                        unsafe { lanes.write(to) }
                    },
                );
            }
        }
    }
}

/// Packs G·w·Gᵀ with a column for each of some channels of x, in all phases; a part is the columns of
/// one square.
pub(super) struct Rows<'a, X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    pub w: &'a [f32],
    /// Channels of x.
    pub inputs: Range<usize>,
    pub to: Packed,
    /// Scratch memory: a square for each point.
    pub memory: &'a Parts<'a>,
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Work for Rows<'_, X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, thread: usize, number: usize) {
        let side = self.to.kernels.lanes;
        assert!(
            side.is_multiple_of(Lanes::<S>::COUNT),
            "vectors longer than those of the matrix multiplication"
        );
        let column = number * side;
        let inputs = padded(self.inputs.len());
        let (phase, channel) = (column / inputs, self.inputs.start + column % inputs);
        let squares = self.memory.of(thread);
        for output in (0..self.tiling.y_columns()).step_by(side) {
            for i in 0..side {
                let row = squares.wrapping_add(i * side);
                // SAFETY: the thread's memory has space for the squares.
                unsafe { self.row(simd, phase, channel + i, output, row) };
            }
            let depth = self.to.block_of(output);
            let Some(panel) = self.to.panel_of(&depth, column) else { continue };
            let at = (output - depth.start) * panel.width + column - panel.first;
            for point in 0..N * N {
                let from = squares.wrapping_add(point * side * side);
                let to = panel.data.wrapping_add(point * self.to.step() + at);
                // SAFETY: these columns of the panel are this part's; the square is complete.
                unsafe { (self.to.kernels.transpose)(from, side, to, panel.width) };
            }
        }
    }
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Rows<'_, X, M, N> {
    /// One row of all squares: a channel of x.
    ///
    /// # Safety
    /// `to` is the row in the first square, and the other squares follow it.
    #[inline(always)]
    unsafe fn row<S: Simd>(
        &self,
        simd: S,
        phase: usize,
        channel: usize,
        output: usize,
        to: *mut f32,
    ) {
        let side = self.to.kernels.lanes;
        let end = self.tiling.shape.outputs;
        for column in (0..side).step_by(Lanes::<S>::COUNT) {
            let first = (output + column).min(end);
            let outputs = first..(first + Lanes::<S>::COUNT).min(end);
            transform_2d(
                #[inline(always)]
                |i, j| {
                    if channel >= self.inputs.end {
                        return Lanes::zero(simd);
                    }
                    let w = &self.w[self.tiling.weight(phase, [i, j], channel)..];
                    let w = &w[outputs.clone()];
                    // SAFETY: the slice's length.
                    unsafe { Lanes::read_some(simd, w.as_ptr(), w.len()) }
                },
                #[inline(always)]
                |numbers| self.tile.weights(numbers),
                #[inline(always)]
                |i, j, lanes| {
                    let to = to.wrapping_add((i * N + j) * side * side + column);
                    // SAFETY: the caller's promise.
                    unsafe { lanes.write(to) }
                },
            );
        }
    }
}

/// Floats of scratch memory per thread for [`Rows`].
pub(super) fn squares(kernels: &Kernels, points: usize) -> usize {
    points * kernels.lanes * kernels.lanes
}

/// From the gradient of transformed weights to that of the weights, Gᵀ·v·G; a part is a channel of x
/// in one phase.
pub(super) struct Gradient<X, const M: usize, const N: usize> {
    pub tile: X,
    pub tiling: Tiling,
    pub from: Transformed,
    pub dw: *mut f32,
    /// Channels of y.
    pub outputs: Range<usize>,
    pub accumulate: bool,
}

// SAFETY: each part writes its own rows of `dw`.
unsafe impl<X: Sync, const M: usize, const N: usize> Sync for Gradient<X, M, N> {}

impl<X: Transform<M, N>, const M: usize, const N: usize> Work for Gradient<X, M, N> {
    #[inline(always)]
    fn part<S: Simd>(&self, simd: S, _thread: usize, number: usize) {
        let inputs = padded(self.tiling.shape.inputs);
        let (phase, channel) = (number / inputs, number % inputs);
        if channel >= self.tiling.shape.inputs {
            return;
        }
        let step = self.from.step;
        for output in (0..self.outputs.len()).step_by(Lanes::<S>::COUNT) {
            let from = self.from.number(number, output);
            if output.is_multiple_of(GRAIN) {
                self.from.fetch(number + 1, output, prefetch);
            }
            let len = Lanes::<S>::COUNT.min(self.outputs.len() - output);
            transform_2d(
                #[inline(always)]
                |i, j| {
                    let from = from.wrapping_add((i * N + j) * step);
                    // SAFETY: the sums are complete.
                    unsafe { Lanes::read(simd, from) }
                },
                #[inline(always)]
                |numbers| self.tile.weights_transposed(numbers),
                #[inline(always)]
                |i, j, lanes| {
                    let at = self.tiling.weight(phase, [i, j], channel);
                    let to = self.dw.wrapping_add(at + self.outputs.start + output);
                    // SAFETY: these numbers of `dw` are this part's.
                    unsafe {
                        let before = match self.accumulate {
                            true => Lanes::read_some(simd, to, len),
                            false => Lanes::zero(simd),
                        };
                        (before + lanes).write_some(to, len);
                    }
                },
            );
        }
    }
}

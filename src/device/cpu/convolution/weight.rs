//! The gradient of a convolution's weights: dwᵀ = dyᵀ · windows, summed over all places of y.
//!
//! Places come in blocks of the depth. Of each block dy is brought together channel by channel, as the
//! left factor, and the windows panel by panel: their numbers are neighbours in memory already. Sums
//! are kept in memory of the team, where they stand channel by channel of dy, until all are complete.
//! Threads divide the weights, and never a sum; or, where there are few weights, the places, in parts
//! that follow from the extents, whose sums are added in order.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::super::gemm::blocks::{blocks, panels};
use super::super::gemm::kernel::{Kernels, MOST_ROWS};
use super::super::gemm::pack::transpose;
use super::super::gemm::tile::{DEPTH, LINE, ROW};
use super::super::simd::vectorized;
use super::super::team::{Pieces, Team};
use super::ahead::Ahead;
use super::window::Windows;
use crate::device::ops::ConvolutionShape;

/// Channels of dy whose sums a thread works on at once: a depth block of them stays in the second-level
/// cache.
const CHANNELS: usize = 192;
/// Most sums that a thread works on at once.
const SUMS: usize = 32 * 1024;
/// Numbers of a window, or channels, that a thread takes at the least: whole panels and tiles on every
/// instruction set.
const PIECE: usize = 48;
/// Floats of the widest panel.
const PANEL: usize = 48 * DEPTH;

/// Up to so many weights, threads divide the places, in parts of this many.
const FEW_WEIGHTS: usize = 8 * 1024;
const PLACES: usize = 4 * DEPTH;

/// Fewer multiplications than this are done by the calling thread alone.
const WORTH_SHARING: usize = 128 * 1024;

struct Product<'a> {
    kernels: &'static Kernels,
    windows: Windows,
    shape: ConvolutionShape,
    dw: *mut f32,
    dy: &'a [f32],
    x: &'a [f32],
    accumulate: bool,
}

// SAFETY: threads write disjoint places of `dw`, which the product borrows exclusively.
unsafe impl Sync for Product<'_> {}

/// The gradient of the weights.
pub(super) fn backward_weight(
    team: &Team,
    dw: &mut [f32],
    dy: &[f32],
    x: &[f32],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    let (kernels, windows) = (Kernels::get(), Windows::forward(&shape));
    let few = dw.len() <= FEW_WEIGHTS;
    let product = Product { kernels, windows, shape, dw: dw.as_mut_ptr(), dy, x, accumulate };
    if few { product.by_places(team) } else { product.by_weights(team) }
}

/// Some of the weights.
#[derive(Clone)]
struct Part {
    /// Of y.
    channels: Range<usize>,
    /// Of a window.
    numbers: Range<usize>,
}

impl Part {
    /// Floats from one channel's sums to the next's: room for whole panels, and no power of two where there
    /// are many, lest all fall into the same cache sets.
    fn row(&self) -> usize {
        self.numbers.len().next_multiple_of(LINE) + LINE
    }

    /// Floats of all sums.
    fn len(&self) -> usize {
        self.channels.len() * self.row()
    }
}

impl Product<'_> {
    fn by_weights(&self, team: &Team) {
        let (numbers, channels) = (self.shape.window(), self.shape.outputs);
        let threads = self.threads(team);
        let most = SUMS / channels.min(CHANNELS) / PIECE * PIECE;
        let largest = Part { channels: 0..channels.min(CHANNELS), numbers: 0..numbers.min(most) };
        let mut scratch = team.scratch();
        let memory = scratch.parts(CHANNELS * ROW + PANEL + largest.len(), threads);
        // What threads do not divide, each brings together for itself: that is to be little.
        let by_numbers = numbers >= channels;
        let (divided, most_at_once) =
            if by_numbers { (numbers, most) } else { (channels, CHANNELS) };
        let pieces = Pieces::new(divided, PIECE, most_at_once, threads);
        self.share(team, |thread| {
            let sums = memory.of(thread).wrapping_add(CHANNELS * ROW + PANEL);
            for piece in &pieces {
                let (channels, numbers) =
                    if by_numbers { (0..channels, piece) } else { (piece, 0..numbers) };
                for channels in blocks(channels, CHANNELS) {
                    for numbers in blocks(numbers.clone(), most) {
                        let part = Part { channels: channels.clone(), numbers };
                        // SAFETY: the piece is one thread's, and so is its part of the memory.
                        unsafe {
                            if self.accumulate {
                                self.read(&part, sums);
                            }
                            let places = 0..self.shape.places();
                            self.sum(&part, places, self.accumulate, sums, memory.of(thread));
                            self.write(&part, sums);
                        }
                    }
                }
            }
        });
    }

    fn by_places(&self, team: &Team) {
        let all = Part { channels: 0..self.shape.outputs, numbers: 0..self.shape.window() };
        let count = self.shape.places().div_ceil(PLACES).max(1);
        let threads = self.threads(team);
        let mut scratch = team.scratch();
        let mine = all.channels.len() * ROW + PANEL;
        let memory = scratch.shared_and_parts((count + 1) * all.len(), mine, threads);
        let sums = |part: usize| memory.shared().wrapping_add(part * all.len());
        let pieces = Pieces::new(count, 1, 1, threads);
        self.share(team, |thread| {
            for part in (&pieces).flatten() {
                let first = part * PLACES;
                let places = first..(first + PLACES).min(self.shape.places());
                // SAFETY: the sums are one thread's, and so is its part of the memory.
                unsafe { self.sum(&all, places, false, sums(part), memory.of(thread)) };
            }
        });
        // SAFETY: the team has come to an end; there is room for the sums of all parts and the weights.
        unsafe {
            let total = from_raw_parts_mut(sums(count), all.len());
            total.fill(0.0);
            if self.accumulate {
                self.read(&all, total.as_mut_ptr());
            }
            for part in 0..count {
                let part = from_raw_parts(sums(part), all.len());
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
            self.write(&all, total.as_mut_ptr());
        }
    }

    fn threads(&self, team: &Team) -> usize {
        if self.is_small() { 1 } else { team.threads() }
    }

    fn share(&self, team: &Team, work: impl Fn(usize) + Sync) {
        if self.is_small() { work(0) } else { team.run(work) }
    }

    fn is_small(&self) -> bool {
        self.shape.places() * self.shape.w_len() < WORTH_SHARING
    }

    /// Sums ← products of a part's channels and numbers, over some places, or sums += them.
    ///
    /// # Safety
    /// The calling thread alone uses the sums, which have room for the part, and the memory, which has
    /// room for both factors.
    unsafe fn sum(
        &self,
        part: &Part,
        places: Range<usize>,
        accumulate: bool,
        sums: *mut f32,
        memory: *mut f32,
    ) {
        let left_len = part.channels.len() * ROW;
        // SAFETY: the caller's promise.
        let left = unsafe { from_raw_parts_mut(memory, left_len) };
        let right = memory.wrapping_add(left_len);
        for depth in blocks(places.clone(), DEPTH) {
            self.gather(part, &depth, left);
            let after = depth.end..places.end.min(depth.end + DEPTH);
            let mut ahead = self.ahead(part, &after);
            for panel in panels(self.kernels, part.numbers.clone(), right, 0) {
                // SAFETY: the memory has room for the widest panel.
                let to = unsafe { from_raw_parts_mut(panel.data, depth.len() * panel.width) };
                let numbers = panel.first..panel.first + panel.valid;
                vectorized(
                    #[inline(always)]
                    || self.windows.gather(self.x, depth.clone(), numbers.clone(), to, panel.width),
                );
                let c = sums.wrapping_add(panel.first - part.numbers.start);
                let extents = [part.channels.len(), depth.len()];
                let resume = accumulate || depth.start > places.start;
                (ahead.number, ahead.places) = match numbers.end < part.numbers.end {
                    true => (numbers.end, depth.clone()),
                    false => (part.numbers.start, after.clone()),
                };
                let (panel, fetch) = (panel.whole(), || ahead.fetch());
                // SAFETY: both factors are there, and the sums have room for whole panels.
                unsafe {
                    panel.multiply(self.kernels, extents, left, c, part.row(), resume, fetch);
                }
            }
        }
    }

    /// Brings dy of some places together: a row for each channel.
    fn gather(&self, part: &Part, depth: &Range<usize>, to: &mut [f32]) {
        let outputs = self.shape.outputs;
        let from = &self.dy[depth.start * outputs + part.channels.start..];
        let extents = [depth.len(), part.channels.len()];
        // SAFETY: dy has these places and channels, and `to` a row for each channel.
        unsafe { transpose(self.kernels, from.as_ptr(), outputs, extents, to.as_mut_ptr(), ROW) };
    }

    /// Sums ← dw.
    ///
    /// # Safety
    /// The sums have room for the part.
    unsafe fn read(&self, part: &Part, sums: *mut f32) {
        let (outputs, extents) = (self.shape.outputs, [part.numbers.len(), part.channels.len()]);
        // SAFETY: the caller's promise.
        unsafe { transpose(self.kernels, self.first(part), outputs, extents, sums, part.row()) };
    }

    /// dw ← sums.
    ///
    /// # Safety
    /// The calling thread alone uses the part.
    unsafe fn write(&self, part: &Part, sums: *mut f32) {
        let (outputs, extents) = (self.shape.outputs, [part.channels.len(), part.numbers.len()]);
        // SAFETY: the caller's promise.
        unsafe { transpose(self.kernels, sums, part.row(), extents, self.first(part), outputs) };
    }

    /// The first weight of a part.
    fn first(&self, part: &Part) -> *mut f32 {
        self.dw.wrapping_add(part.numbers.start * self.shape.outputs + part.channels.start)
    }

    /// What the products of a depth block fetch, tile by tile, where these places come after it.
    fn ahead(&self, part: &Part, after: &Range<usize>) -> Next<'_> {
        let outputs = self.shape.outputs;
        let tiles = part.channels.len().div_ceil(self.kernels.tile(2, MOST_ROWS).rows);
        let panels = part.numbers.len().div_ceil(2 * self.kernels.lanes);
        let dy = &self.dy[after.start * outputs..after.end * outputs];
        Next {
            product: self,
            dy: Ahead::new(dy, tiles * panels),
            number: 0,
            places: 0..0,
            windows: DEPTH.div_ceil(tiles),
        }
    }
}

/// Memory that is needed soon.
struct Next<'a> {
    product: &'a Product<'a>,
    /// Of the next depth block.
    dy: Ahead<'a>,
    /// Of the next panel: its windows, from a number on, so many of them at once.
    number: usize,
    places: Range<usize>,
    windows: usize,
}

impl Next<'_> {
    /// Fetches what comes next.
    #[inline(always)]
    fn fetch(&mut self) {
        self.dy.fetch();
        let Product { windows, x, .. } = self.product;
        let end = self.places.end.min(self.places.start + self.windows);
        windows.prefetch(x, self.places.start..end, self.number);
        self.places.start = end;
    }
}

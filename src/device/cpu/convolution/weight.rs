//! The gradient of a convolution's weights: dwᵀ = dyᵀ · windows, summed over all places of y.
//!
//! Places come in blocks of the depth. Tiles read both factors where they lie, dy across its channels and
//! the windows along theirs, and pack the windows' panels in passing. Places at the images' edges are
//! taken by themselves, so that nothing beyond is multiplied. Windows of few channels, and dy with them,
//! are brought together first. Sums are kept in memory of the team, where they stand channel by channel
//! of dy, until all are complete. Threads divide the weights, and never a sum; or, where there are few
//! weights, the places, in parts that follow from the extents, whose sums are added in order.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::super::gemm::blocks::{Panel, blocks, panels};
use super::super::gemm::kernel::{Kernels, MOST_ROWS};
use super::super::gemm::operands::{DEPTH, Left, ROW, Spacing, Starts};
use super::super::gemm::pack::transpose;
use super::super::gemm::tile::LINE;
use super::super::simd::vectorized;
use super::super::team::{Pieces, Team};
use super::ahead::PixelsAhead;
use super::window::Windows;
use crate::device::ops::ConvolutionShape;

/// Channels of dy whose sums a thread works on at once: a depth block of them stays in the second-level
/// cache.
const CHANNELS: usize = 192;
/// Most sums that a thread works on at once.
const SUMS: usize = 64 * 1024;
/// Numbers of a window, or channels, that a thread takes at the least: whole panels and tiles on every
/// instruction set.
const PIECE: usize = 64;
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
    /// Floats from one channel's sums to the next's: no power of two where there are many, lest all fall
    /// into the same cache sets.
    fn row(&self) -> usize {
        self.numbers.len().next_multiple_of(LINE) + LINE
    }

    /// Its numbers among these.
    fn within(&self, numbers: &Range<usize>) -> Range<usize> {
        let start = self.numbers.start.max(numbers.start);
        start..self.numbers.end.min(numbers.end).max(start)
    }

    /// Where channels have their sums.
    fn rows(&self) -> Spacing {
        Spacing::Every(self.row())
    }

    /// The sums of the first channel and a number, and those behind.
    fn sums_of(&self, sums: *mut f32, number: usize) -> *mut f32 {
        sums.wrapping_add(number - self.numbers.start)
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
                            self.begin(&part, sums);
                            for region in self.windows.regions().filter(|region| region.taps() > 0)
                            {
                                let places = 0..self.shape.rows * region.outputs();
                                match region.can_be_read_in_place() {
                                    true => self.add_region(
                                        &region,
                                        &part,
                                        places,
                                        sums,
                                        memory.of(thread),
                                    ),
                                    false => {
                                        self.add_gathered(&part, places, sums, memory.of(thread))
                                    }
                                }
                            }
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
                unsafe {
                    from_raw_parts_mut(sums(part), all.len()).fill(0.0);
                    self.add_gathered(&all, places, sums(part), memory.of(thread));
                }
            }
        });
        // SAFETY: the team has come to an end; there is room for the sums of all parts and the weights.
        unsafe {
            self.begin(&all, sums(count));
            let total = from_raw_parts_mut(sums(count), all.len());
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

    /// Sums += products of a part's channels and numbers, over some places of a region. Both factors are
    /// read where they lie.
    ///
    /// # Safety
    /// The calling thread alone uses the sums, which have room for the part, and the memory, which has
    /// room for a panel.
    unsafe fn add_region(
        &self,
        region: &Windows,
        part: &Part,
        places: Range<usize>,
        sums: *mut f32,
        memory: *mut f32,
    ) {
        for depth in blocks(places.clone(), DEPTH) {
            let pixels = region.pixels(depth.clone());
            let dy = Starts::new(pixels.map(|pixel| pixel * self.shape.outputs));
            let windows = Starts::new(region.starts(depth.clone()));
            let from = self.dy[part.channels.start..].as_ptr();
            let left = Left::Scattered { from, starts: dy.as_ptr() };
            let after = depth.end..places.end.min(depth.end + DEPTH);
            let mut ahead = self.ahead(region, part, after);
            let extents = [part.channels.len(), depth.len()];
            for (line, at) in region.lines() {
                for panel in panels(self.kernels, part.within(&(at..at + line.len())), memory, 0) {
                    let first = line.start + panel.first - at;
                    let x = self.x[region.distance(first)..].as_ptr();
                    let stored = (panel.valid == panel.width).then_some((x, &windows));
                    let c = (part.sums_of(sums, panel.first), part.rows());
                    // SAFETY: the windows lie on the images, and the sums are the calling thread's.
                    unsafe {
                        if stored.is_none() {
                            self.gather(region, &depth, first, &panel);
                        }
                        panel.multiply(self.kernels, extents, left, stored, c, true, || {
                            ahead.fetch()
                        });
                    }
                }
            }
        }
    }

    /// The same of any windows, which are brought together.
    ///
    /// # Safety
    /// As there; the memory has room for both factors.
    unsafe fn add_gathered(
        &self,
        part: &Part,
        places: Range<usize>,
        sums: *mut f32,
        memory: *mut f32,
    ) {
        let right = memory.wrapping_add(part.channels.len() * ROW);
        let left = Left::Along { from: memory };
        for depth in blocks(places.clone(), DEPTH) {
            // SAFETY: the memory has room for a row of each channel.
            unsafe { self.gather_dy(part, &depth, memory) };
            let after = depth.end..places.end.min(depth.end + DEPTH);
            let mut ahead = self.ahead(&self.windows, part, after);
            let extents = [part.channels.len(), depth.len()];
            for panel in panels(self.kernels, part.numbers.clone(), right, 0) {
                let c = (part.sums_of(sums, panel.first), part.rows());
                // SAFETY: the memory has room for the widest panel, and the sums are the calling thread's.
                unsafe {
                    self.gather(&self.windows, &depth, panel.first, &panel);
                    panel.multiply(self.kernels, extents, left, None, c, true, || ahead.fetch());
                }
            }
        }
    }

    /// Brings a panel's numbers of some windows together, from the first on.
    ///
    /// # Safety
    /// The panel has room for them.
    unsafe fn gather(&self, windows: &Windows, depth: &Range<usize>, first: usize, panel: &Panel) {
        // SAFETY: the caller's promise.
        let to = unsafe { from_raw_parts_mut(panel.data, depth.len() * panel.width) };
        let numbers = first..first + panel.valid;
        vectorized(
            #[inline(always)]
            || windows.gather(self.x, depth.clone(), numbers, to, panel.width),
        );
    }

    /// Brings dy of some places together: a row for each channel.
    ///
    /// # Safety
    /// There is room for them.
    unsafe fn gather_dy(&self, part: &Part, depth: &Range<usize>, to: *mut f32) {
        let outputs = self.shape.outputs;
        let from = &self.dy[depth.start * outputs + part.channels.start..];
        let extents = [depth.len(), part.channels.len()];
        // SAFETY: dy has these places and channels; the caller's promise.
        unsafe { transpose(self.kernels, from.as_ptr(), outputs, extents, to, ROW) };
    }

    /// Sums ← dw if the gradient is added to that, otherwise zeros.
    ///
    /// # Safety
    /// The calling thread alone uses the sums, which have room for the part.
    unsafe fn begin(&self, part: &Part, sums: *mut f32) {
        if !self.accumulate {
            // SAFETY: the caller's promise.
            return unsafe { sums.write_bytes(0, part.len()) };
        }
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

    /// dy of these places, to be fetched tile by tile while those before are multiplied.
    fn ahead(&self, windows: &Windows, part: &Part, places: Range<usize>) -> PixelsAhead<'_> {
        let tiles = part.channels.len().div_ceil(self.kernels.tile(2, MOST_ROWS).rows);
        let panels = part.numbers.len().div_ceil(2 * self.kernels.lanes);
        PixelsAhead {
            images: self.dy,
            channels: self.shape.outputs,
            needed: part.channels.clone(),
            windows: *windows,
            outputs: places,
            at_once: DEPTH.div_ceil(tiles * panels),
        }
    }
}

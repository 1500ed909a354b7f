//! The gradient of a convolution's weights: dwᵀ = dyᵀ · windows, summed over all pixels of y.
//!
//! The depth is the positions: the pixels of y. Tiles read both operands in place, dy across its
//! channels and the windows along theirs, and pack the windows' panels along the way. Positions at the
//! images' edges are separate regions, so that padding is not multiplied. Windows of few channels, and
//! dy with them, are gathered first. Sums accumulate in scratch memory, row by row for each channel of
//! dy, until all are complete. Threads divide the weights, never a sum; or, if there are few weights,
//! the positions, in parts that depend only on the extents, whose sums are added in order.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::{from_raw_parts, from_raw_parts_mut};

use super::super::gemm::blocks::{Panel, blocks, panels};
use super::super::gemm::kernel::{Kernels, MAX_ROWS};
use super::super::gemm::operands::{DEPTH, LeftOperand, Offsets, ROW, RowOffsets};
use super::super::gemm::pack::transpose;
use super::super::gemm::tile::LINE;
use super::super::simd::vectorized;
use super::super::thread_pool::{ThreadPool, WorkQueue};
use super::prefetch::PixelPrefetcher;
use super::window::Windows;
use crate::device::ops::ConvolutionShape;

/// Channels of dy that a thread processes at once: a depth block of them stays in the L2 cache.
const CHANNELS: usize = 192;
/// Most sums that a thread computes at once.
const SUMS: usize = 64 * 1024;
/// Fewest elements of a window, or channels, that a thread takes: whole panels and tiles on every
/// instruction set.
const PIECE: usize = 64;
/// Floats of the widest panel.
const PANEL: usize = 48 * DEPTH;

/// With up to this many weights, threads divide the positions.
const FEW_WEIGHTS: usize = 8 * 1024;
/// Positions of a part.
const POSITIONS: usize = 4 * DEPTH;

/// Fewer multiplications than this run on the calling thread alone.
const PARALLEL_THRESHOLD: usize = 128 * 1024;

struct WeightGradient<'a> {
    kernels: &'static Kernels,
    windows: Windows,
    shape: ConvolutionShape,
    dw: *mut f32,
    dy: &'a [f32],
    x: &'a [f32],
    accumulate: bool,
}

// SAFETY: threads write disjoint elements of `dw`, which the `WeightGradient` borrows exclusively.
unsafe impl Sync for WeightGradient<'_> {}

/// The gradient of the weights.
pub(super) fn backward_weight(
    pool: &ThreadPool,
    dw: &mut [f32],
    dy: &[f32],
    x: &[f32],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    let (kernels, windows) = (Kernels::get(), Windows::forward(&shape));
    let few = dw.len() <= FEW_WEIGHTS;
    let product =
        WeightGradient { kernels, windows, shape, dw: dw.as_mut_ptr(), dy, x, accumulate };
    if few { product.by_positions(pool) } else { product.by_weights(pool) }
}

/// A part of the weights.
#[derive(Clone)]
struct Part {
    /// Channels of y.
    channels: Range<usize>,
    /// Elements of a window.
    elements: Range<usize>,
}

impl Part {
    /// Floats from one channel's sums to the next's: not a power of two, so that they do not all map to
    /// the same cache sets.
    fn row(&self) -> usize {
        self.elements.len().next_multiple_of(LINE) + LINE
    }

    /// Its elements within a range.
    fn within(&self, elements: &Range<usize>) -> Range<usize> {
        let start = self.elements.start.max(elements.start);
        start..self.elements.end.min(elements.end).max(start)
    }

    /// The offsets of the channels' sums.
    fn rows(&self) -> RowOffsets {
        RowOffsets::Stride(self.row())
    }

    /// The sums from the first channel and this element on.
    fn sums_of(&self, sums: *mut f32, number: usize) -> *mut f32 {
        sums.wrapping_add(number - self.elements.start)
    }

    /// Floats of all sums.
    fn len(&self) -> usize {
        self.channels.len() * self.row()
    }
}

impl WeightGradient<'_> {
    fn by_weights(&self, pool: &ThreadPool) {
        let (elements, channels) = (self.shape.window_len(), self.shape.outputs);
        let threads = self.threads(pool);
        let most = SUMS / channels.min(CHANNELS) / PIECE * PIECE;
        let largest = Part { channels: 0..channels.min(CHANNELS), elements: 0..elements.min(most) };
        let mut scratch = pool.scratch();
        let memory = scratch.parts(CHANNELS * ROW + PANEL + largest.len(), threads);
        // Each thread gathers the operand that is not divided: that should be the smaller one.
        let by_elements = elements >= channels;
        let (divided, most_at_once) =
            if by_elements { (elements, most) } else { (channels, CHANNELS) };
        let pieces = WorkQueue::new(divided, PIECE, most_at_once, threads);
        self.share(pool, |thread| {
            let sums = memory.of(thread).wrapping_add(CHANNELS * ROW + PANEL);
            for piece in &pieces {
                let (channels, elements) =
                    if by_elements { (0..channels, piece) } else { (piece, 0..elements) };
                for channels in blocks(channels, CHANNELS) {
                    for elements in blocks(elements.clone(), most) {
                        let part = Part { channels: channels.clone(), elements };
                        // SAFETY: the piece is processed by one thread, with its own part of the
                        // memory.
                        unsafe {
                            self.initialize(&part, sums);
                            for region in self.windows.regions().filter(|region| region.taps() > 0)
                            {
                                let positions = 0..self.shape.rows * region.outputs();
                                match region.can_be_read_in_place() {
                                    true => self.add_region(
                                        &region,
                                        &part,
                                        positions,
                                        sums,
                                        memory.of(thread),
                                    ),
                                    false => {
                                        self.add_gathered(&part, positions, sums, memory.of(thread))
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

    fn by_positions(&self, pool: &ThreadPool) {
        let all = Part { channels: 0..self.shape.outputs, elements: 0..self.shape.window_len() };
        let count = self.shape.positions().div_ceil(POSITIONS).max(1);
        let threads = self.threads(pool);
        let mut scratch = pool.scratch();
        let per_thread = all.channels.len() * ROW + PANEL;
        let memory = scratch.shared_and_parts((count + 1) * all.len(), per_thread, threads);
        let sums = |part: usize| memory.shared().wrapping_add(part * all.len());
        let pieces = WorkQueue::new(count, 1, 1, threads);
        self.share(pool, |thread| {
            for part in (&pieces).flatten() {
                let first = part * POSITIONS;
                let positions = first..(first + POSITIONS).min(self.shape.positions());
                // SAFETY: the part is processed by one thread, with its own memory.
                unsafe {
                    from_raw_parts_mut(sums(part), all.len()).fill(0.0);
                    self.add_gathered(&all, positions, sums(part), memory.of(thread));
                }
            }
        });
        // SAFETY: all threads have finished; there is space for the sums of all parts and the weights.
        unsafe {
            self.initialize(&all, sums(count));
            let total = from_raw_parts_mut(sums(count), all.len());
            for part in 0..count {
                let part = from_raw_parts(sums(part), all.len());
                total.iter_mut().zip(part).for_each(|(total, part)| *total += part);
            }
            self.write(&all, total.as_mut_ptr());
        }
    }

    fn threads(&self, pool: &ThreadPool) -> usize {
        if self.is_small() { 1 } else { pool.threads() }
    }

    fn share(&self, pool: &ThreadPool, work: impl Fn(usize) + Sync) {
        if self.is_small() { work(0) } else { pool.run(work) }
    }

    fn is_small(&self) -> bool {
        self.shape.positions() * self.shape.w_len() < PARALLEL_THRESHOLD
    }

    /// Sums += products of a part's channels and elements, over some positions of a region. Both
    /// operands are read in place.
    ///
    /// # Safety
    /// Only the calling thread uses the sums, which have space for the part, and the memory, which has
    /// space for a panel.
    unsafe fn add_region(
        &self,
        region: &Windows,
        part: &Part,
        positions: Range<usize>,
        sums: *mut f32,
        memory: *mut f32,
    ) {
        for depth in blocks(positions.clone(), DEPTH) {
            let pixels = region.pixels(depth.clone());
            let dy = Offsets::new(pixels.map(|pixel| pixel * self.shape.outputs));
            let windows = Offsets::new(region.starts(depth.clone()));
            let from = self.dy[part.channels.start..].as_ptr();
            let left = LeftOperand::Scattered { from, starts: dy.as_ptr() };
            let after = depth.end..positions.end.min(depth.end + DEPTH);
            let mut ahead = self.prefetcher(region, part, after);
            let extents = [part.channels.len(), depth.len()];
            for (line, at) in region.lines() {
                for panel in panels(self.kernels, part.within(&(at..at + line.len())), memory, 0) {
                    let first = line.start + panel.first - at;
                    let x = self.x[region.offset(first)..].as_ptr();
                    let stored = (panel.valid == panel.width).then_some((x, &windows));
                    let c = (part.sums_of(sums, panel.first), part.rows());
                    // SAFETY: the windows are within the images; the sums are the calling thread's.
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

    /// The same for any windows, which are gathered.
    ///
    /// # Safety
    /// As [`Self::add_region`]; the memory has space for both operands.
    unsafe fn add_gathered(
        &self,
        part: &Part,
        positions: Range<usize>,
        sums: *mut f32,
        memory: *mut f32,
    ) {
        let right = memory.wrapping_add(part.channels.len() * ROW);
        let left = LeftOperand::Along { from: memory };
        for depth in blocks(positions.clone(), DEPTH) {
            // SAFETY: the memory has space for a row of each channel.
            unsafe { self.gather_dy(part, &depth, memory) };
            let after = depth.end..positions.end.min(depth.end + DEPTH);
            let mut ahead = self.prefetcher(&self.windows, part, after);
            let extents = [part.channels.len(), depth.len()];
            for panel in panels(self.kernels, part.elements.clone(), right, 0) {
                let c = (part.sums_of(sums, panel.first), part.rows());
                // SAFETY: the memory has space for the widest panel; the sums are the calling thread's.
                unsafe {
                    self.gather(&self.windows, &depth, panel.first, &panel);
                    panel.multiply(self.kernels, extents, left, None, c, true, || ahead.fetch());
                }
            }
        }
    }

    /// Gathers a panel's elements of some windows, from the first on.
    ///
    /// # Safety
    /// The panel has space for them.
    unsafe fn gather(&self, windows: &Windows, depth: &Range<usize>, first: usize, panel: &Panel) {
        // SAFETY: the caller's promise.
        let to = unsafe { from_raw_parts_mut(panel.data, depth.len() * panel.width) };
        let elements = first..first + panel.valid;
        vectorized(
            #[inline(always)]
            || windows.gather(self.x, depth.clone(), elements, to, panel.width),
        );
    }

    /// Gathers dy of some positions: a row for each channel.
    ///
    /// # Safety
    /// `to` has space for them.
    unsafe fn gather_dy(&self, part: &Part, depth: &Range<usize>, to: *mut f32) {
        let outputs = self.shape.outputs;
        let from = &self.dy[depth.start * outputs + part.channels.start..];
        let extents = [depth.len(), part.channels.len()];
        // SAFETY: dy has these positions and channels; the caller's promise.
        unsafe { transpose(self.kernels, from.as_ptr(), outputs, extents, to, ROW) };
    }

    /// Sums ← dw with `accumulate`, else zeros.
    ///
    /// # Safety
    /// Only the calling thread uses the sums, which have space for the part.
    unsafe fn initialize(&self, part: &Part, sums: *mut f32) {
        if !self.accumulate {
            // SAFETY: the caller's promise.
            return unsafe { sums.write_bytes(0, part.len()) };
        }
        let (outputs, extents) = (self.shape.outputs, [part.elements.len(), part.channels.len()]);
        // SAFETY: the caller's promise.
        unsafe { transpose(self.kernels, self.first(part), outputs, extents, sums, part.row()) };
    }

    /// dw ← sums.
    ///
    /// # Safety
    /// Only the calling thread uses the part.
    unsafe fn write(&self, part: &Part, sums: *mut f32) {
        let (outputs, extents) = (self.shape.outputs, [part.channels.len(), part.elements.len()]);
        // SAFETY: the caller's promise.
        unsafe { transpose(self.kernels, sums, part.row(), extents, self.first(part), outputs) };
    }

    /// The first weight of a part.
    fn first(&self, part: &Part) -> *mut f32 {
        self.dw.wrapping_add(part.elements.start * self.shape.outputs + part.channels.start)
    }

    /// dy of these positions, to prefetch tile by tile while earlier ones are multiplied.
    fn prefetcher(
        &self,
        windows: &Windows,
        part: &Part,
        positions: Range<usize>,
    ) -> PixelPrefetcher<'_> {
        let tiles = part.channels.len().div_ceil(self.kernels.tile(2, MAX_ROWS).rows);
        let panels = part.elements.len().div_ceil(2 * self.kernels.lanes);
        PixelPrefetcher {
            images: self.dy,
            channels: self.shape.outputs,
            needed: part.channels.clone(),
            windows: *windows,
            outputs: positions,
            at_once: DEPTH.div_ceil(tiles * panels),
        }
    }
}

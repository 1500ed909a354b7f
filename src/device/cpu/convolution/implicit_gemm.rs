//! Convolutions by implicit GEMM: matrix multiplication without an im2col buffer.
//!
//! The left operand is the windows of the image, a row for each output; the right operand is the
//! weights, which are packed once for all threads. Threads process blocks of outputs; the tiles read
//! the windows in place from the images, and add in the output. Outputs at the images' edges
//! have blocks of their own, which skip the padding: an eighth of all multiplications for a 4×4
//! kernel and 7×7 outputs. Windows of few channels are gathered first.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use super::super::gemm::blocks::{Panel, depth_blocks, panels};
use super::super::gemm::kernel::{Kernels, MAX_ROWS};
use super::super::gemm::operands::{LeftOperand, Offsets, ROW, RowOffsets};
use super::super::gemm::pack::{Source, pack};
use super::super::simd::vectorized;
use super::super::thread_pool::{ThreadPool, WorkQueue};
use super::prefetch::Prefetcher;
use super::window::Windows;
use crate::device::ops::ConvolutionShape;

/// Outputs of a block: whole tiles on every instruction set; the windows, the sums and a panel stay in
/// the L2 cache.
const OUTPUTS: usize = 96;
/// Outputs of a group of images, in one part of a transposed convolution or in a whole convolution.
const GROUP: usize = 8 * OUTPUTS;

/// Fewer multiplications than this run on the calling thread alone.
const PARALLEL_THRESHOLD: usize = 128 * 1024;

/// The kind of convolution.
#[derive(Clone, Copy)]
enum Kind {
    Forward,
    Transposed,
}

/// A convolution and its operands.
struct ImplicitGemm<'a> {
    kernels: &'static Kernels,
    kind: Kind,
    shape: ConvolutionShape,
    /// Channels that are written.
    channels: Range<usize>,
    /// Blocks of a group of images.
    blocks: usize,
    to: *mut f32,
    from: &'a [f32],
    w: &'a [f32],
}

/// A block of outputs whose windows use the same elements of the kernel.
struct Block {
    part: usize,
    windows: Windows,
    /// Indices among the outputs of these windows in all images.
    outputs: Range<usize>,
    /// Whether it is the first block to read most of its input.
    leads: bool,
}

// SAFETY: threads write disjoint pixels of `to`, which the `ImplicitGemm` borrows exclusively.
unsafe impl Sync for ImplicitGemm<'_> {}

/// A convolution of x, some channels of it.
pub(super) fn forward(
    pool: &ThreadPool,
    y: &mut [f32],
    x: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    ImplicitGemm::new(Kind::Forward, shape, channels, y, [x, w]).run(pool, finish);
}

/// A transposed convolution of y, some channels of it.
pub(super) fn transpose(
    pool: &ThreadPool,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    ImplicitGemm::new(Kind::Transposed, shape, channels, x, [y, w]).run(pool, finish);
}

impl<'a> ImplicitGemm<'a> {
    fn new(
        kind: Kind,
        shape: ConvolutionShape,
        channels: Range<usize>,
        to: &'a mut [f32],
        [from, w]: [&'a [f32]; 2],
    ) -> Self {
        let (kernels, to) = (Kernels::get(), to.as_mut_ptr());
        let product = Self { kernels, kind, shape, channels, blocks: 0, to, from, w };
        let blocks = product.regions().map(|(_, windows)| product.blocks_of(&windows)).sum();
        Self { blocks, ..product }
    }

    fn run(&self, pool: &ThreadPool, finish: impl Fn(usize, &mut [f32]) + Sync) {
        let alone = self.multiplications() < PARALLEL_THRESHOLD;
        let threads = if alone { 1 } else { pool.threads() };
        let share = |work: &(dyn Fn(usize) + Sync)| if alone { work(0) } else { pool.run(work) };
        let mut scratch = pool.scratch();
        let memory =
            scratch.shared_and_parts(self.packed_before(self.parts()), OUTPUTS * ROW, threads);
        // SAFETY: the memory has space for all parts; each thread packs its own panels.
        share(&|thread| unsafe { self.pack(memory.shared(), thread, threads) });
        let groups = self.shape.rows.div_ceil(self.images());
        // The blocks of a group read the same input.
        let blocks = WorkQueue::new(groups * self.blocks, 1, self.blocks.max(1), threads);
        share(&|thread| {
            for block in (&blocks).flatten() {
                // SAFETY: each block is processed by one thread, with its own part of the memory.
                unsafe { self.run_block(block, memory.shared(), memory.of(thread), &finish) };
            }
        });
    }

    fn multiplications(&self) -> usize {
        self.shape.positions() * self.shape.window_len() * self.shape.outputs
    }

    fn parts(&self) -> usize {
        match self.kind {
            Kind::Forward => 1,
            Kind::Transposed => Windows::parts(&self.shape),
        }
    }

    fn windows(&self, part: usize) -> Windows {
        match self.kind {
            Kind::Forward => Windows::forward(&self.shape),
            Kind::Transposed => Windows::transposed(&self.shape, part),
        }
    }

    /// The regions of all parts, with the part's index.
    fn regions(&self) -> impl Iterator<Item = (usize, Windows)> {
        (0..self.parts())
            .flat_map(|part| self.windows(part).regions().map(move |region| (part, region)))
    }

    /// Images of a group: few enough for the caches, and enough for whole tiles even at the corners.
    fn images(&self) -> usize {
        (GROUP / self.windows(0).outputs().max(1)).clamp(1, MAX_ROWS)
    }

    /// Number of blocks of a group's outputs with these windows.
    fn blocks_of(&self, windows: &Windows) -> usize {
        (self.images() * windows.outputs()).div_ceil(OUTPUTS)
    }

    /// The block with this index; the blocks of a group of images are consecutive.
    fn block(&self, number: usize) -> Option<Block> {
        let (group, mut left) = (number / self.blocks, number % self.blocks);
        for (region, (part, windows)) in self.regions().enumerate() {
            let blocks = self.blocks_of(&windows);
            if left < blocks {
                let before = |group| self.shape.rows.min(group * self.images()) * windows.outputs();
                let (start, end) = (before(group) + left * OUTPUTS, before(group + 1));
                let outputs = start..end.min(start + OUTPUTS);
                let leads = region == 0;
                return (start < end).then_some(Block { part, windows, outputs, leads });
            }
            left -= blocks;
        }
        None
    }

    /// Channels that are written, rounded up to whole vectors.
    fn columns(&self) -> usize {
        self.channels.len().next_multiple_of(self.kernels.lanes)
    }

    /// The offset in floats of a part's packed weights.
    fn packed_before(&self, part: usize) -> usize {
        (0..part).map(|part| self.windows(part).len() * self.columns()).sum()
    }

    /// The panels of a part, each with the depth of a full window; `packed` has those of all parts.
    fn panels_of(&self, packed: *mut f32, part: usize) -> impl Iterator<Item = Panel> {
        let at = packed.wrapping_add(self.packed_before(part));
        panels(self.kernels, 0..self.channels.len(), at, self.windows(part).len())
    }

    /// Packs one thread's share of the weights of all parts.
    ///
    /// # Safety
    /// `packed` has space for them, and each thread calls this once.
    unsafe fn pack(&self, packed: *mut f32, thread: usize, threads: usize) {
        let panels = (0..self.parts()).flat_map(|part| {
            let taps = 0..self.windows(part).taps();
            self.panels_of(packed, part)
                .flat_map(move |panel| taps.clone().map(move |tap| (part, panel, tap)))
        });
        for (part, panel, tap) in panels.skip(thread).step_by(threads) {
            // SAFETY: the panel has space for all taps.
            unsafe { self.pack_tap(part, &panel, tap) };
        }
    }

    /// Packs the weights of one element of the kernel, (inputs, outputs).
    ///
    /// # Safety
    /// Only the calling thread uses this tap's part of the panel.
    unsafe fn pack_tap(&self, part: usize, panel: &Panel, tap: usize) {
        let (windows, outputs) = (self.windows(part), self.shape.outputs);
        let w = &self.w[windows.kernel_index(tap) * self.shape.inputs * outputs..];
        let column = self.channels.start + panel.first;
        let source = match self.kind {
            Kind::Forward => {
                Source { from: w[column..].as_ptr(), column_stride: 1, depth_stride: outputs }
            }
            Kind::Transposed => Source {
                from: w[column * outputs..].as_ptr(),
                column_stride: outputs,
                depth_stride: 1,
            },
        };
        let to = panel.at_depth(tap * windows.channels()).data;
        // SAFETY: `w` has the shape's length; the panel has space for its depth.
        unsafe { pack(self.kernels, source, panel.valid, windows.channels(), to, panel.width) };
    }

    /// Computes the outputs of a block.
    ///
    /// # Safety
    /// The weights are packed; only the calling thread uses the block's outputs and the memory.
    unsafe fn run_block(
        &self,
        number: usize,
        packed: *mut f32,
        memory: *mut f32,
        finish: &(impl Fn(usize, &mut [f32]) + Sync),
    ) {
        let Some(block) = self.block(number) else { return };
        let (windows, width) = (&block.windows, self.channels.len());
        let mut ahead = self.prefetcher(&block, number + 1);
        let pixels = Offsets::new(windows.pixels(block.outputs.clone()).map(|pixel| pixel * width));
        let rows = RowOffsets::At(pixels.as_ptr());
        // SAFETY: the caller's promise.
        unsafe {
            match windows.can_be_read_in_place() {
                true => self.multiply_in_place(&block, packed, rows, &mut ahead),
                false => self.multiply_gathered(&block, packed, memory, rows, &mut ahead),
            }
        }
        // SAFETY: no other block has these pixels.
        let pixels_from = |pixel: usize, count: usize| unsafe {
            from_raw_parts_mut(self.to.add(pixel * width), count * width)
        };
        let outputs = block.outputs.clone();
        vectorized(
            #[inline(always)]
            || match windows.outputs_are_neighbours() {
                true => finish(outputs.start, pixels_from(outputs.start, outputs.len())),
                false => {
                    windows.pixels(outputs).for_each(|pixel| finish(pixel, pixels_from(pixel, 1)))
                }
            },
        );
    }

    /// A block's outputs ← its windows · packed weights; the windows are read in place.
    ///
    /// # Safety
    /// The weights are packed; only the calling thread uses the outputs, whose offsets are `rows`.
    unsafe fn multiply_in_place(
        &self,
        block: &Block,
        packed: *mut f32,
        rows: RowOffsets,
        ahead: &mut Prefetcher<'_>,
    ) {
        let Block { windows, outputs, part, .. } = block;
        let starts = Offsets::new(windows.starts(outputs.clone()));
        let mut add = false;
        for (line, packed_at) in windows.lines() {
            for depth in depth_blocks(line.len()) {
                let from = self.from[windows.offset(line.start + depth.start)..].as_ptr();
                let a = LeftOperand::Rows { from, starts: starts.as_ptr() };
                let extents = [outputs.len(), depth.len()];
                for panel in self.panels_of(packed, *part) {
                    let panel = panel.at_depth(packed_at + depth.start);
                    let c = (self.to.wrapping_add(panel.first), rows);
                    // SAFETY: the windows are within the images; the caller's promise.
                    unsafe {
                        panel.multiply(self.kernels, extents, a, None, c, add, || ahead.fetch());
                    }
                }
                add = true;
            }
        }
    }

    /// The same for any windows, which are gathered in `memory`.
    ///
    /// # Safety
    /// As [`Self::multiply_in_place`]; the memory has space for a block.
    unsafe fn multiply_gathered(
        &self,
        block: &Block,
        packed: *mut f32,
        memory: *mut f32,
        rows: RowOffsets,
        ahead: &mut Prefetcher<'_>,
    ) {
        let Block { windows, outputs, part, .. } = block;
        // SAFETY: the caller's promise.
        let gathered = unsafe { from_raw_parts_mut(memory, OUTPUTS * ROW) };
        let a = LeftOperand::Along { from: gathered.as_ptr() };
        for depth in depth_blocks(windows.len()) {
            vectorized(
                #[inline(always)]
                || windows.gather(self.from, outputs.clone(), depth.clone(), gathered, ROW),
            );
            let (extents, add) = ([outputs.len(), depth.len()], depth.start > 0);
            for panel in self.panels_of(packed, *part) {
                let panel = panel.at_depth(depth.start);
                let c = (self.to.wrapping_add(panel.first), rows);
                // SAFETY: windows are gathered; the caller's promise.
                unsafe {
                    panel.multiply(self.kernels, extents, a, None, c, add, || ahead.fetch());
                }
            }
        }
    }

    /// The input of the next block, to prefetch tile by tile; nothing if a block of its group has
    /// already read it.
    fn prefetcher(&self, block: &Block, next: usize) -> Prefetcher<'_> {
        let Some(Block { windows, outputs, .. }) = self.block(next).filter(|next| next.leads)
        else {
            return Prefetcher::new(&[], 1);
        };
        let (start, end) =
            (windows.read_before(outputs.start), windows.read_before(outputs.end - 1));
        let depths = depth_blocks(block.windows.len()).count();
        let panels = self.columns().div_ceil(2 * self.kernels.lanes);
        let tiles = block.outputs.len().div_ceil(self.kernels.tile(2, OUTPUTS).rows);
        Prefetcher::new(&self.from[start..end], depths * panels * tiles)
    }
}

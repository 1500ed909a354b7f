//! Convolutions by the tiles of matrix products.
//!
//! The left factor is windows of the image, a row for each output; the right one is the weights, which
//! are packed once for all threads. Threads take blocks of outputs: they bring the windows of a block
//! together, as a product does with its left factor, keep the sums in their own memory, and write each
//! output once, when it is complete.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use super::super::gemm::blocks::{Panel, depth_blocks, panels};
use super::super::gemm::kernel::Kernels;
use super::super::gemm::pack::{Source, pack};
use super::super::gemm::tile::ROW;
use super::super::simd::vectorized;
use super::super::team::{Pieces, Team};
use super::ahead::Ahead;
use super::window::Windows;
use crate::device::ops::ConvolutionShape;

/// Outputs of a block: whole tiles on every instruction set, whose windows, sums and a panel stay in
/// the second-level cache.
const OUTPUTS: usize = 96;

/// Fewer multiplications than this are done by the calling thread alone.
const WORTH_SHARING: usize = 128 * 1024;

/// Which of the two kinds of convolutions.
#[derive(Clone, Copy)]
enum Kind {
    Forward,
    Transposed,
}

/// A convolution under way.
struct Product<'a> {
    kernels: &'static Kernels,
    kind: Kind,
    shape: ConvolutionShape,
    /// Channels that are written.
    channels: Range<usize>,
    to: *mut f32,
    from: &'a [f32],
    w: &'a [f32],
}

// SAFETY: threads write disjoint pixels of `to`, which the product borrows exclusively.
unsafe impl Sync for Product<'_> {}

/// A convolution of x, some channels of it.
pub(super) fn forward(
    team: &Team,
    y: &mut [f32],
    x: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let (kernels, kind) = (Kernels::get(), Kind::Forward);
    Product { kernels, kind, shape, channels, to: y.as_mut_ptr(), from: x, w }.run(team, finish);
}

/// A transposed convolution of y, some channels of it.
pub(super) fn transpose(
    team: &Team,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let (kernels, kind) = (Kernels::get(), Kind::Transposed);
    Product { kernels, kind, shape, channels, to: x.as_mut_ptr(), from: y, w }.run(team, finish);
}

impl Product<'_> {
    fn run(&self, team: &Team, finish: impl Fn(usize, &mut [f32]) + Sync) {
        let alone = self.multiplications() < WORTH_SHARING;
        let threads = if alone { 1 } else { team.threads() };
        let share = |work: &(dyn Fn(usize) + Sync)| if alone { work(0) } else { team.run(work) };
        let mut scratch = team.scratch();
        let mine = OUTPUTS * (ROW + self.columns());
        let memory = scratch.shared_and_parts(self.packed_before(self.parts()), mine, threads);
        // SAFETY: the memory has room for all parts; each thread packs panels of its own.
        share(&|thread| unsafe { self.pack(memory.shared(), thread, threads) });
        // What one part of some images reads, the others read again.
        let blocks =
            Pieces::new(self.blocks() * self.parts(), self.parts(), 4 * self.parts(), threads);
        share(&|thread| {
            for block in (&blocks).flatten() {
                // SAFETY: each block is one thread's, and so is its part of the memory.
                unsafe { self.block(block, memory.shared(), memory.of(thread), &finish) };
            }
        });
    }

    fn multiplications(&self) -> usize {
        self.shape.places() * self.shape.window() * self.shape.outputs
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

    /// Channels that are written, rounded up to whole vectors.
    fn columns(&self) -> usize {
        self.channels.len().next_multiple_of(self.kernels.lanes)
    }

    /// Floats of the packed weights of the parts before this one.
    fn packed_before(&self, part: usize) -> usize {
        (0..part).map(|part| self.windows(part).len() * self.columns()).sum()
    }

    /// Blocks of the outputs of a part, of that which has most.
    fn blocks(&self) -> usize {
        let outputs = |part| self.shape.rows * self.windows(part).outputs();
        (0..self.parts()).map(outputs).max().unwrap_or(0).div_ceil(OUTPUTS)
    }

    /// The panels of a depth block of a part, whose packed weights begin at `packed`.
    fn panels_of(&self, packed: *mut f32, depth: &Range<usize>) -> impl Iterator<Item = Panel> {
        let at = packed.wrapping_add(depth.start * self.columns());
        panels(self.kernels, 0..self.channels.len(), at, depth.len())
    }

    /// Packs the weights of all parts, a thread's share of the panels.
    ///
    /// # Safety
    /// `packed` has room for them, and each thread calls this once.
    unsafe fn pack(&self, packed: *mut f32, thread: usize, threads: usize) {
        let mut turn = 0;
        for part in 0..self.parts() {
            let packed = packed.wrapping_add(self.packed_before(part));
            for depth in depth_blocks(self.windows(part).len()) {
                for panel in self.panels_of(packed, &depth) {
                    if turn % threads == thread {
                        // SAFETY: the panel has room for the depth.
                        unsafe { self.pack_panel(part, &depth, &panel) };
                    }
                    turn += 1;
                }
            }
        }
    }

    /// # Safety
    /// The calling thread alone uses the panel.
    unsafe fn pack_panel(&self, part: usize, depth: &Range<usize>, panel: &Panel) {
        let (windows, outputs) = (self.windows(part), self.shape.outputs);
        let channels = windows.channels();
        let mut at = depth.start;
        while at < depth.end {
            // Weights of one place of the kernel, which has (inputs, outputs).
            let (tap, first) = (at / channels, at % channels);
            let len = (channels - first).min(depth.end - at);
            let block = &self.w[windows.place(tap) * self.shape.inputs * outputs..];
            let column = self.channels.start + panel.first;
            let source = match self.kind {
                Kind::Forward => Source {
                    from: block[first * outputs + column..].as_ptr(),
                    column_stride: 1,
                    depth_stride: outputs,
                },
                Kind::Transposed => Source {
                    from: block[column * outputs + first..].as_ptr(),
                    column_stride: outputs,
                    depth_stride: 1,
                },
            };
            let to = panel.data.wrapping_add((at - depth.start) * panel.width);
            // SAFETY: `w` has the shape's length; the panel has room for its depth.
            unsafe { pack(self.kernels, source, panel.valid, len, to, panel.width) };
            at += len;
        }
    }

    /// A block of outputs: those of one part of some images, then of the next.
    ///
    /// # Safety
    /// The weights are packed; the calling thread alone uses the block's outputs and the memory.
    unsafe fn block(
        &self,
        block: usize,
        packed: *mut f32,
        memory: *mut f32,
        finish: &(impl Fn(usize, &mut [f32]) + Sync),
    ) {
        let (part, first) = (block % self.parts(), block / self.parts() * OUTPUTS);
        let windows = self.windows(part);
        let outputs = first..(first + OUTPUTS).min(self.shape.rows * windows.outputs());
        if outputs.is_empty() {
            return;
        }
        let packed = packed.wrapping_add(self.packed_before(part));
        let mut ahead = self.ahead(&windows, part, outputs.end);
        // SAFETY: the memory holds both.
        let (gathered, sums) = unsafe {
            let sums = memory.wrapping_add(OUTPUTS * ROW);
            let sums = from_raw_parts_mut(sums, OUTPUTS * self.columns());
            (from_raw_parts_mut(memory, OUTPUTS * ROW), sums)
        };
        if windows.outputs_are_neighbours() {
            let (at, len) = (first * self.channels.len(), outputs.len() * self.channels.len());
            // SAFETY: the outputs are the block's own pixels.
            let to = unsafe { from_raw_parts_mut(self.to.add(at), len) };
            // SAFETY: the weights are packed.
            unsafe {
                self.multiply(
                    &windows,
                    outputs,
                    packed,
                    gathered,
                    to,
                    self.channels.len(),
                    &mut ahead,
                )
            };
            return vectorized(
                #[inline(always)]
                || finish(first, to),
            );
        }
        // SAFETY: the weights are packed.
        unsafe {
            self.multiply(
                &windows,
                outputs.clone(),
                packed,
                gathered,
                sums,
                self.columns(),
                &mut ahead,
            );
        }
        self.store(&windows, outputs, sums, finish);
    }

    /// Sums ← windows of some outputs · packed weights. A row of sums is as long as there are channels, or
    /// has room for whole vectors.
    ///
    /// # Safety
    /// The weights are packed.
    #[allow(clippy::too_many_arguments)]
    unsafe fn multiply(
        &self,
        windows: &Windows,
        outputs: Range<usize>,
        packed: *mut f32,
        gathered: &mut [f32],
        sums: &mut [f32],
        row: usize,
        ahead: &mut Ahead<'_>,
    ) {
        for depth in depth_blocks(windows.len()) {
            self.gather(windows, outputs.clone(), &depth, gathered);
            for panel in self.panels_of(packed, &depth) {
                let panel = if row == self.columns() { panel.whole() } else { panel };
                let (extents, resume) = ([outputs.len(), depth.len()], depth.start > 0);
                let c = sums[panel.first..].as_mut_ptr();
                // SAFETY: windows are gathered, weights packed by the caller; each output has its sums.
                unsafe {
                    panel
                        .multiply(self.kernels, extents, gathered, c, row, resume, || ahead.fetch())
                };
            }
        }
    }

    /// What the block that begins with this output reads besides, to be fetched tile by tile.
    fn ahead(&self, windows: &Windows, part: usize, first: usize) -> Ahead<'_> {
        let last = self.shape.rows * windows.outputs();
        if part + 1 < self.parts() || first >= last {
            return Ahead::new(&[], 1);
        }
        let [start, end] = [first, last.min(first + OUTPUTS) - 1].map(|at| windows.read_before(at));
        let memory = &self.from[start.min(end)..end];
        let depths = depth_blocks(windows.len()).count();
        let panels = self.columns().div_ceil(2 * self.kernels.lanes);
        let tiles = OUTPUTS.div_ceil(self.kernels.tile(2, OUTPUTS).rows);
        Ahead::new(memory, depths * panels * tiles)
    }

    /// Brings the windows of some outputs together.
    fn gather(
        &self,
        windows: &Windows,
        outputs: Range<usize>,
        depth: &Range<usize>,
        to: &mut [f32],
    ) {
        vectorized(
            #[inline(always)]
            || windows.gather(self.from, outputs, depth.clone(), to, ROW),
        );
    }

    /// Writes complete outputs to pixels that are some way apart.
    fn store(
        &self,
        windows: &Windows,
        outputs: Range<usize>,
        sums: &mut [f32],
        finish: &(impl Fn(usize, &mut [f32]) + Sync),
    ) {
        let (stride, columns) = (self.columns(), self.channels.len());
        vectorized(
            #[inline(always)]
            || {
                let mut place = windows.locate(outputs.start);
                for sums in sums.chunks_exact_mut(stride).take(outputs.len()) {
                    let (image, output) = place;
                    let pixel = windows.pixel(image, output);
                    let row = &mut sums[..columns];
                    finish(pixel, row);
                    // SAFETY: no other block has this pixel, which is one of the output's.
                    unsafe {
                        self.to
                            .add(pixel * columns)
                            .copy_from_nonoverlapping(row.as_ptr(), columns);
                    }
                    place = windows.next(place);
                }
            },
        );
    }
}

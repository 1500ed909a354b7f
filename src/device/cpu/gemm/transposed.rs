//! Matrix multiplication with a transposed (column-major) right operand: the forward pass,
//! `y = x · wᵀ`.
//!
//! Packing `w` would transpose the larger operand. So the tiles compute the transposed result: rows of
//! `w` are broadcast, the panels hold `xᵀ`, and blocks of the result are staged, then transposed into
//! `c`. Every thread packs all of `xᵀ` itself: that is faster than transferring results from another
//! core (measured with 64 × 128 · 128 × 256 on two threads: 195 GFLOP/s with shared packing).
#![allow(unsafe_code)]
use super::blocks::{COLUMNS, Gemm, Loops, Panel, blocks, depth_blocks};
use super::operands::{LeftOperand, ROW, RowOffsets};
use super::pack::{gather, pack, transpose};
use super::tile::{Prefetch, Tile};
use std::ops::Range;

/// Rows of `c` in a block, the columns of the panels.
const ROWS: usize = 256;

/// Floats from one row of the staged block to the next; not a power of two, so that rows do not all
/// map to the same cache sets.
const STAGED_STRIDE: usize = ROWS + 16;

/// A thread's scratch memory.
#[derive(Clone, Copy)]
struct Workspace {
    /// A block of the transposed result, (COLUMNS, STAGED_STRIDE).
    staged: *mut f32,
    /// A block of `w`, (COLUMNS, ROW).
    gathered: *mut f32,
    /// All of `xᵀ` in panels.
    packed: *mut f32,
}

impl Workspace {
    const GATHERED_AT: usize = COLUMNS * STAGED_STRIDE;
    const PACKED_AT: usize = Self::GATHERED_AT + COLUMNS * ROW;

    fn at(memory: *mut f32) -> Self {
        Self {
            staged: memory,
            gathered: memory.wrapping_add(Self::GATHERED_AT),
            packed: memory.wrapping_add(Self::PACKED_AT),
        }
    }
}

/// The loops for a transposed right operand, by tiles of the transposed `c`.
pub(super) enum Transposed {}

impl Loops for Transposed {
    fn memory(gemm: &Gemm<'_>) -> usize {
        let packed = gemm.a.rows.next_multiple_of(gemm.kernels.lanes) * gemm.a.columns;
        Workspace::PACKED_AT + packed
    }

    unsafe fn prepare(gemm: &Gemm<'_>, memory: *mut f32) {
        // SAFETY: the memory has space for all of `aᵀ`.
        unsafe { gemm.pack_left(Workspace::at(memory).packed) };
    }

    unsafe fn multiply(gemm: &Gemm<'_>, columns: Range<usize>, memory: *mut f32) {
        for rows in blocks(0..gemm.a.rows, ROWS) {
            // SAFETY: the caller's promise; `aᵀ` is packed.
            unsafe { gemm.staged_block(columns.clone(), rows, Workspace::at(memory)) };
        }
    }
}

impl Gemm<'_> {
    /// The panels of some rows of `a`, where `packed` holds all of them.
    fn left_panels(&self, rows: Range<usize>, packed: *mut f32) -> impl Iterator<Item = Panel> {
        let depth = self.a.columns;
        let memory = packed.wrapping_add(rows.start * depth);
        self.panels(rows, memory, depth)
    }

    /// Packs the left operand.
    ///
    /// # Safety
    /// `to` has space for all of `aᵀ`.
    unsafe fn pack_left(&self, to: *mut f32) {
        for rows in blocks(0..self.a.rows, ROWS) {
            for Panel { first, width, valid, data, .. } in self.left_panels(rows, to) {
                let a = self.a.across(first, 0);
                // SAFETY: the view was checked; the panel is within `to`.
                unsafe { pack(self.kernels, a, valid, self.a.columns, data, width) };
            }
        }
    }

    /// Some columns of some rows of `c`.
    ///
    /// # Safety
    /// Only the calling thread uses these columns of `c` and the workspace; `aᵀ` is packed.
    unsafe fn staged_block(&self, columns: Range<usize>, rows: Range<usize>, space: Workspace) {
        let c = self.c.wrapping_add(rows.start * self.columns() + columns.start);
        let stride = self.columns();
        if self.accumulate {
            let extents = [rows.len(), columns.len()];
            // SAFETY: this block of `c` is this thread's, and the staged block has space for it.
            unsafe { transpose(self.kernels, c, stride, extents, space.staged, STAGED_STRIDE) };
        }
        for depth in depth_blocks(self.a.columns) {
            for panel in self.left_panels(rows.clone(), space.packed) {
                let staged = space.staged.wrapping_add(panel.first - rows.start);
                let part = Workspace { staged, ..space };
                // The first panel gathers the columns of `b` for the others.
                let gathers = panel.first == rows.start;
                // SAFETY: the caller's promise.
                unsafe { self.staged_panel(columns.clone(), &panel, &depth, part, gathers) };
            }
        }
        let extents = [columns.len(), rows.len()];
        // SAFETY: the block is staged, and its part of `c` is this thread's.
        unsafe { transpose(self.kernels, space.staged, STAGED_STRIDE, extents, c, stride) };
    }

    /// One panel of `aᵀ` times some columns of `b`, transposed.
    ///
    /// # Safety
    /// As [`Self::staged_block`]; without `gathers`, these columns were gathered before.
    unsafe fn staged_panel(
        &self,
        columns: Range<usize>,
        panel: &Panel,
        depth: &Range<usize>,
        space: Workspace,
        gathers: bool,
    ) {
        let mut j = columns.start;
        while j < columns.end {
            let code = self.kernels.tile(panel.vectors, columns.end - j);
            let strip = space.gathered.wrapping_add((j - columns.start) * ROW);
            let tile = Tile {
                depth: depth.len(),
                a: LeftOperand::Along { from: strip },
                b: panel.data.wrapping_add(depth.start * panel.width),
                c: space.staged.wrapping_add((j - columns.start) * STAGED_STRIDE),
                c_rows: RowOffsets::Stride(STAGED_STRIDE),
                accumulate: self.accumulates(depth),
                ahead: if gathers {
                    self.strip_after(j + code.rows, &columns, depth)
                } else {
                    Prefetch::Nothing
                },
            };
            // SAFETY: the views were checked; the staged rows are padded to whole vectors.
            unsafe {
                if gathers {
                    let b = self.b.down(depth.start, j);
                    gather(self.kernels, b, code.rows, depth.len(), strip);
                }
                (code.plain)(&tile);
            }
            j += code.rows;
        }
    }

    /// The columns of `b` to prefetch because they are gathered next: those from `j` on, or, after the
    /// last one, those of the next depth block.
    fn strip_after(&self, j: usize, columns: &Range<usize>, depth: &Range<usize>) -> Prefetch {
        let next = if j < columns.end {
            self.b.down(depth.start, j)
        } else {
            self.b.down(depth.end, columns.start)
        };
        Prefetch::Rows { from: next.from, row: next.column_stride }
    }
}

//! Products whose right factor is stored by columns: the forward pass, `y = x · wᵀ`.
//!
//! Packing `w` would transpose the larger factor. So the tiles compute the transposed product, in
//! which rows of `w` are broadcast as they are stored, and `xᵀ` is in the panels; blocks of the
//! result are staged and transposed into place. Every thread packs `xᵀ` for itself: that takes
//! less time than another core's fresh results take to arrive (measured with 64 × 128 · 128 × 256
//! on two threads: 195 GFLOP/s when they shared the packing).
#![allow(unsafe_code)]
use super::super::team::{Stripe, Team};
use super::blocks::{COLUMNS, Panel, Product, blocks, depth_blocks};
use super::pack::{pack, transpose};
use super::tile::{Ahead, Tile};
use std::ops::Range;

/// Rows of `c` in a block, the columns of the panels.
const ROWS: usize = 256;

/// Floats from one row of the staged block to the next; no power of two, lest all rows fall into
/// the same cache sets.
const STAGED_STRIDE: usize = ROWS + 16;

const STAGED: usize = COLUMNS * STAGED_STRIDE;

impl Product<'_> {
    /// The product by tiles of `c` transposed.
    pub fn transposed(&self, team: &Team, finish: impl Fn(&mut Stripe<'_, f32>) + Sync) {
        let packed = self.a.rows.next_multiple_of(self.kernels.lanes) * self.a.columns;
        let mut scratch = team.scratch();
        let memory = scratch.parts(STAGED + packed, team.threads());
        self.share(team, |thread, mine| {
            let memory = memory.of(thread);
            // SAFETY: the memory holds all of `aᵀ` after the staged block.
            unsafe { self.pack_left(memory.wrapping_add(STAGED)) };
            for block in blocks(mine, COLUMNS) {
                for rows in blocks(0..self.a.rows, ROWS) {
                    // SAFETY: `share` gives these columns to this thread alone; `aᵀ` is packed.
                    unsafe { self.staged_block(block.clone(), rows, memory) };
                }
                // SAFETY: as above.
                finish(&mut unsafe { self.stripe(block) });
            }
        });
    }

    /// The panels of some rows of `a`, when `packed` holds all of them.
    fn left_panels(&self, rows: Range<usize>, packed: *mut f32) -> impl Iterator<Item = Panel> {
        let depth = self.a.columns;
        let memory = packed.wrapping_add(rows.start * depth);
        self.panels(rows, memory, depth)
    }

    /// # Safety
    /// `to` holds all of `aᵀ`.
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
    /// The calling thread alone uses these columns of `c`; `memory` has room for a staged block,
    /// followed by the packed `aᵀ`.
    unsafe fn staged_block(&self, columns: Range<usize>, rows: Range<usize>, memory: *mut f32) {
        let packed = memory.wrapping_add(STAGED);
        for depth in depth_blocks(self.a.columns) {
            for panel in self.left_panels(rows.clone(), packed) {
                let staged = memory.wrapping_add(panel.first - rows.start);
                // The first panel meets `b` in a far cache, the others find it close by.
                let fetch = panel.first == rows.start;
                // SAFETY: the caller's promise.
                unsafe { self.staged_panel(columns.clone(), &panel, &depth, staged, fetch) };
            }
        }
        let to = self.c.wrapping_add(rows.start * self.columns() + columns.start);
        let extents = [columns.len(), rows.len()];
        // SAFETY: the block is staged, and its place in `c` is this thread's.
        unsafe { transpose(self.kernels, memory, STAGED_STRIDE, extents, to, self.columns()) };
    }

    /// One panel of `aᵀ` times some columns of `b`, transposed.
    ///
    /// # Safety
    /// As [`Self::staged_block`].
    unsafe fn staged_panel(
        &self,
        columns: Range<usize>,
        panel: &Panel,
        depth: &Range<usize>,
        staged: *mut f32,
        fetch: bool,
    ) {
        let mut j = columns.start;
        while j < columns.end {
            let code = self.kernels.tile(panel.vectors, columns.end - j);
            let b = self.b.down(depth.start, j);
            let next = if j + code.rows < columns.end {
                self.b.down(depth.start, j + code.rows)
            } else {
                self.b.down(depth.end, columns.start)
            };
            let tile = Tile {
                depth: depth.len(),
                a: b.from,
                a_row: b.column_stride,
                a_step: b.depth_stride,
                b: panel.data.wrapping_add(depth.start * panel.width),
                c: staged.wrapping_add((j - columns.start) * STAGED_STRIDE),
                c_row: STAGED_STRIDE,
                resume: depth.start > 0,
                ahead: Ahead {
                    from: next.from,
                    lines: if fetch { code.rows } else { 0 },
                    line_step: b.column_stride,
                    round_step: 16 * b.depth_stride,
                },
            };
            // SAFETY: the views were checked; the staged rows have room for whole vectors.
            unsafe { (code.plain)(&tile) };
            j += code.rows;
        }
    }
}

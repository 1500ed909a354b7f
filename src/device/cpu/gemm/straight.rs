//! Products whose right factor is stored by rows: both kinds of gradients.
//!
//! Each thread packs panels of the right factor for its own columns. The packing costs next to
//! nothing: the first tile that needs a panel reads the factor as it is stored, and writes the
//! panel in passing.
#![allow(unsafe_code)]
use super::super::team::{Stripe, Team};
use super::blocks::{COLUMNS, DEPTH, Panel, Product, blocks, depth_blocks};
use super::kernel::{MOST_LANES, MOST_ROWS, MOST_VECTORS, TileCode};
use super::pack::{Source, pack};
use super::tile::{Ahead, Tile};
use std::ops::Range;

/// Rows of a block: `ROWS` × `DEPTH` elements of the left factor stay in the second-level cache.
/// No power of two, as it becomes a stride.
const ROWS: usize = 240;

impl Product<'_> {
    /// The product by tiles of `c`.
    pub fn straight(&self, team: &Team, finish: impl Fn(&mut Stripe<'_, f32>) + Sync) {
        let mut scratch = team.scratch();
        let memory = scratch.parts((COLUMNS + ROWS) * DEPTH, team.threads());
        self.share(team, |thread, mine| {
            let memory = memory.of(thread);
            for block in blocks(mine, COLUMNS) {
                for depth in depth_blocks(self.a.columns) {
                    // SAFETY: `share` gives these columns to this thread alone; the memory holds
                    // a block of each factor.
                    unsafe { self.straight_block(block.clone(), depth, memory) };
                }
                // SAFETY: as above.
                finish(&mut unsafe { self.stripe(block) });
            }
        });
    }

    /// # Safety
    /// The calling thread alone uses these columns of `c`; `memory` holds them × `depth`, and a
    /// block of `a`.
    unsafe fn straight_block(&self, columns: Range<usize>, depth: Range<usize>, memory: *mut f32) {
        let gathered = memory.wrapping_add(COLUMNS * DEPTH);
        for rows in blocks(0..self.a.rows, ROWS) {
            // SAFETY: the caller's promise.
            let a = unsafe { self.gather(rows.clone(), &depth, gathered) };
            for panel in self.panels(columns.clone(), memory, depth.len()) {
                // SAFETY: the caller's promise; the rows come in ascending order.
                unsafe { self.straight_panel(rows.clone(), &panel, &depth, a) };
            }
        }
    }

    /// Where to find a block of `a`. Of an `a` stored by columns, a tile touches only a few floats
    /// in each of many pages, many in the same cache set: such a block is copied to `to` first
    /// (measured with `c` 1024 × 1024 and depth 256: 176 GFLOP/s instead of 156).
    ///
    /// # Safety
    /// `to` holds the block.
    unsafe fn gather(&self, rows: Range<usize>, depth: &Range<usize>, to: *mut f32) -> Source {
        let stored = self.a.across(rows.start, depth.start);
        if stored.column_stride != 1 || stored.depth_stride < ROWS {
            return stored;
        }
        let width = rows.len().next_multiple_of(self.kernels.lanes);
        // SAFETY: the view was checked; `to` has room.
        unsafe { pack(self.kernels, stored, rows.len(), depth.len(), to, width) };
        Source { from: to, column_stride: 1, depth_stride: width }
    }

    /// What the next tile will read and write, a row a round.
    fn next_tile(&self, row: usize, panel: &Panel) -> Ahead {
        Ahead {
            from: self.c.wrapping_add(row * self.columns() + panel.first),
            lines: panel.vectors,
            line_step: self.kernels.lanes,
            round_step: self.columns(),
        }
    }

    /// Some rows of `a` times one panel, which is packed when the first rows come.
    ///
    /// # Safety
    /// As [`Self::straight_block`].
    unsafe fn straight_panel(
        &self,
        rows: Range<usize>,
        panel: &Panel,
        depth: &Range<usize>,
        a: Source,
    ) {
        let b = self.b.down(depth.start, panel.first);
        let whole = panel.valid == panel.width;
        if rows.start == 0 && !whole {
            // SAFETY: the view was checked; the panel is within the caller's memory.
            unsafe { pack(self.kernels, b, panel.valid, depth.len(), panel.data, panel.width) };
        }
        let mut i = rows.start;
        while i < rows.end {
            let code = self.kernels.tile(panel.vectors, rows.end - i);
            let tile = Tile {
                depth: depth.len(),
                a: a.from.wrapping_add((i - rows.start) * a.column_stride),
                a_row: a.column_stride,
                a_step: a.depth_stride,
                b: panel.data,
                c: self.c.wrapping_add(i * self.columns() + panel.first),
                c_row: self.columns(),
                resume: depth.start > 0,
                ahead: self.next_tile(i + code.rows, panel),
            };
            // SAFETY: the views were checked, the code's rows are left, and the tile's columns
            // are in `c` or cut off.
            unsafe {
                if !whole {
                    cut_tile(&tile, code, panel);
                } else if i == 0 {
                    (code.packing)(&tile, b.from, b.depth_stride);
                } else {
                    (code.plain)(&tile);
                }
            }
            i += code.rows;
        }
    }
}

/// A tile that reaches beyond the last column: only the panel's valid columns of it are written.
///
/// # Safety
/// As for the tile's code, with no more than these columns of `c`.
unsafe fn cut_tile(tile: &Tile, code: &TileCode, &Panel { width, valid, .. }: &Panel) {
    let mut whole = [0.0f32; MOST_ROWS * MOST_VECTORS * MOST_LANES];
    let inside = Tile { c: whole.as_mut_ptr(), c_row: width, ..*tile };
    // SAFETY: the caller's promise; `whole` holds the largest tile.
    unsafe {
        if tile.resume {
            for i in 0..code.rows {
                let (row, c) = (inside.c.add(i * width), tile.c.add(i * tile.c_row));
                row.copy_from_nonoverlapping(c, valid);
            }
        }
        (code.plain)(&inside);
        for i in 0..code.rows {
            let (row, c) = (inside.c.add(i * width), tile.c.add(i * tile.c_row));
            c.copy_from_nonoverlapping(row, valid);
        }
    }
}

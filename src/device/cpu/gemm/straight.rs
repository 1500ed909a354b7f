//! Products whose right factor is stored by rows: both kinds of gradients.
//!
//! Each thread packs panels of the right factor for its own columns. The packing costs next to
//! nothing: the first tile that needs a panel reads the factor as it is stored, and writes the
//! panel in passing.
#![allow(unsafe_code)]
use super::super::team::{Stripe, Team};
use super::blocks::{COLUMNS, Panel, Product, blocks, depth_blocks};
use super::operands::{DEPTH, Left, ROW, Spacing, Starts};
use super::pack::{gather, pack};
use super::tile::{Ahead, PANEL_ROWS, ROUND, Tile};
use std::ops::Range;

/// Rows of a block: `ROWS` × `DEPTH` elements of the left factor stay in the second-level cache.
/// No power of two, as it becomes a stride.
const ROWS: usize = 240;

impl Product<'_> {
    /// The product by tiles of `c`.
    pub fn straight(&self, team: &Team, finish: impl Fn(&mut Stripe<'_, f32>) + Sync) {
        let mut scratch = team.scratch();
        let gathered = self.gathered_block() * self.blocks_of_a().count();
        let memory = scratch.parts(COLUMNS * DEPTH + gathered, team.threads());
        let gathered_at = |thread| memory.of(thread).wrapping_add(COLUMNS * DEPTH);
        // SAFETY: the memory holds all of `a` behind the panels.
        let prepare = |thread| unsafe { self.gather_left(gathered_at(thread)) };
        self.share(team, prepare, |thread, piece| {
            // SAFETY: `share` gives these columns to this thread alone; the memory holds panels of
            // them, and `a` is gathered.
            unsafe {
                for (depth, rows, at) in self.blocks_of_a() {
                    let a = gathered_at(thread).wrapping_add(at);
                    self.straight_block(piece.clone(), depth, rows, a, memory.of(thread));
                }
                finish(&mut self.stripe(piece));
            }
        });
    }

    /// The blocks of `a` in the order in which they are used: depth, rows, and how many floats
    /// of gathered blocks come before.
    fn blocks_of_a(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>, usize)> {
        let length = self.gathered_block();
        depth_blocks(self.a.columns)
            .flat_map(|depth| blocks(0..self.a.rows, ROWS).map(move |rows| (depth.clone(), rows)))
            .enumerate()
            .map(move |(i, (depth, rows))| (depth, rows, i * length))
    }

    /// Floats of a gathered block.
    fn gathered_block(&self) -> usize {
        ROW * self.a.rows.min(ROWS).next_multiple_of(self.kernels.lanes)
    }

    /// # Safety
    /// `to` holds all of `a`.
    unsafe fn gather_left(&self, to: *mut f32) {
        for (depth, rows, at) in self.blocks_of_a() {
            let stored = self.a.across(rows.start, depth.start);
            // SAFETY: the view was checked; `to` has room.
            unsafe { gather(self.kernels, stored, rows.len(), depth.len(), to.wrapping_add(at)) };
        }
    }

    /// # Safety
    /// The calling thread alone uses these columns of `c`; `memory` holds panels of them.
    unsafe fn straight_block(
        &self,
        columns: Range<usize>,
        depth: Range<usize>,
        rows: Range<usize>,
        a: *const f32,
        memory: *mut f32,
    ) {
        let a = self.a.across(rows.start, depth.start).gathered(self.kernels, rows.len(), a);
        // Beyond this block too: the tile fetches ahead.
        let starts = Starts::new((depth.start..).map(|p| p * self.b.row_stride));
        for panel in self.panels(columns.clone(), memory, depth.len()) {
            // SAFETY: the caller's promise; the rows come in ascending order.
            unsafe { self.straight_panel(rows.clone(), &panel, &depth, &starts, a) };
        }
    }

    /// The next rows of the panel behind this one, of which `fetched` have been fetched before.
    fn next_panel(&self, panel: &Panel, depth: &Range<usize>, fetched: &mut usize) -> Ahead {
        if *fetched >= depth.len() {
            return Ahead::Nothing;
        }
        let b = self.b.down(depth.start + *fetched, panel.first + panel.width);
        *fetched += PANEL_ROWS * (depth.len() / ROUND);
        Ahead::Panel { from: b.from, row: b.depth_stride }
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
        starts: &Starts,
        a: Left,
    ) {
        let b = self.b.down(depth.start, panel.first);
        let whole = panel.valid == panel.width;
        if rows.start == 0 && !whole {
            // SAFETY: the view was checked; the panel is within the caller's memory.
            unsafe { pack(self.kernels, b, panel.valid, depth.len(), panel.data, panel.width) };
        }
        let mut i = rows.start;
        // When the first rows have passed, the next panel is packed too.
        let mut fetched = if i == 0 { 0 } else { depth.len() };
        while i < rows.end {
            let code = self.kernels.tile(panel.vectors, rows.end - i);
            let tile = Tile {
                depth: depth.len(),
                a: a.starting_at(i - rows.start),
                b: panel.data,
                c: self.c.wrapping_add(i * self.columns() + panel.first),
                c_rows: Spacing::Every(self.columns()),
                resume: self.resumes(depth),
                ahead: self.next_panel(panel, depth, &mut fetched),
            };
            // SAFETY: the views were checked, the code's rows are left, and the tile's columns
            // are in `c` or cut off.
            unsafe {
                if !whole {
                    code.cut(&tile, panel.width, panel.valid);
                } else if i == 0 {
                    (code.packing)(&tile, self.b.down(0, panel.first).from, starts);
                } else {
                    (code.plain)(&tile);
                }
            }
            i += code.rows;
        }
    }
}

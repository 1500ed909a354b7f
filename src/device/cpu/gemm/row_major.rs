//! Matrix multiplication with a row-major right operand: the gradients of inputs and of weights.
//!
//! Each thread packs panels of the right operand for its own columns. Packing costs almost nothing:
//! the first tile that needs a panel reads the operand as it is stored, and writes the panel along
//! the way.
#![allow(unsafe_code)]
use super::blocks::{COLUMNS, Gemm, Loops, Panel, blocks, depth_blocks};
use super::operands::{DEPTH, LeftOperand, Offsets, ROW, RowOffsets};
use super::pack::{gather, pack};
use super::tile::{PANEL_ROWS, Prefetch, ROUND, Tile};
use std::ops::Range;

/// Rows of a block: `ROWS` × `DEPTH` elements of the left operand stay in the L2 cache. Not a power
/// of two, since it becomes a stride.
const ROWS: usize = 240;

/// The loops for a row-major right operand, by tiles of `c`.
pub(super) enum RowMajor {}

impl Loops for RowMajor {
    fn memory(gemm: &Gemm<'_>) -> usize {
        COLUMNS * DEPTH + gemm.gathered_block() * gemm.blocks_of_a().count()
    }

    unsafe fn prepare(gemm: &Gemm<'_>, memory: *mut f32) {
        // SAFETY: the memory has space for all of `a` after the panels.
        unsafe { gemm.gather_left(gathered(memory)) };
    }

    unsafe fn multiply(gemm: &Gemm<'_>, columns: Range<usize>, memory: *mut f32) {
        for (depth, rows, at) in gemm.blocks_of_a() {
            let a = gathered(memory).wrapping_add(at);
            // SAFETY: the caller's promise; `a` is gathered.
            unsafe { gemm.row_major_block(columns.clone(), depth, rows, a, memory) };
        }
    }
}

/// Where the gathered left operand begins in a thread's memory, after the panels.
fn gathered(memory: *mut f32) -> *mut f32 {
    memory.wrapping_add(COLUMNS * DEPTH)
}

impl Gemm<'_> {
    /// The blocks of `a` in the order of use: depth, rows, and the offset of the gathered block in
    /// floats.
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

    /// Gathers the left operand.
    ///
    /// # Safety
    /// `to` has space for all of `a`.
    unsafe fn gather_left(&self, to: *mut f32) {
        for (depth, rows, at) in self.blocks_of_a() {
            let stored = self.a.across(rows.start, depth.start);
            // SAFETY: the view was checked; `to` has space.
            unsafe { gather(self.kernels, stored, rows.len(), depth.len(), to.wrapping_add(at)) };
        }
    }

    /// One block of `a` times some columns of `b`.
    ///
    /// # Safety
    /// Only the calling thread uses these columns of `c`; `memory` has space for their panels.
    unsafe fn row_major_block(
        &self,
        columns: Range<usize>,
        depth: Range<usize>,
        rows: Range<usize>,
        a: *const f32,
        memory: *mut f32,
    ) {
        let a = self.a.across(rows.start, depth.start).gathered(self.kernels, rows.len(), a);
        // Beyond this block too, for prefetching.
        let starts = Offsets::new((depth.start..).map(|p| p * self.b.row_stride));
        for panel in self.panels(columns.clone(), memory, depth.len()) {
            // SAFETY: the caller's promise; rows are processed in ascending order.
            unsafe { self.row_major_panel(rows.clone(), &panel, &depth, &starts, a) };
        }
    }

    /// The next rows of the following panel to prefetch; `fetched` rows have been prefetched before.
    fn next_panel(&self, panel: &Panel, depth: &Range<usize>, fetched: &mut usize) -> Prefetch {
        if *fetched >= depth.len() {
            return Prefetch::Nothing;
        }
        let b = self.b.down(depth.start + *fetched, panel.first + panel.width);
        *fetched += PANEL_ROWS * (depth.len() / ROUND);
        Prefetch::Panel { from: b.from, row: b.depth_stride }
    }

    /// Some rows of `a` times one panel, which the first rows pack.
    ///
    /// # Safety
    /// As [`Self::row_major_block`].
    unsafe fn row_major_panel(
        &self,
        rows: Range<usize>,
        panel: &Panel,
        depth: &Range<usize>,
        starts: &Offsets,
        a: LeftOperand,
    ) {
        let b = self.b.down(depth.start, panel.first);
        let whole = panel.valid == panel.width;
        if rows.start == 0 && !whole {
            // SAFETY: the view was checked; the panel is within the caller's memory.
            unsafe { pack(self.kernels, b, panel.valid, depth.len(), panel.data, panel.width) };
        }
        let mut i = rows.start;
        // After the first rows, the next panel is packed too: nothing to prefetch.
        let mut fetched = if i == 0 { 0 } else { depth.len() };
        while i < rows.end {
            let code = self.kernels.tile(panel.vectors, rows.end - i);
            let tile = Tile {
                depth: depth.len(),
                a: a.at_row(i - rows.start),
                b: panel.data,
                c: self.c.wrapping_add(i * self.columns() + panel.first),
                c_rows: RowOffsets::Stride(self.columns()),
                accumulate: self.accumulates(depth),
                ahead: self.next_panel(panel, depth, &mut fetched),
            };
            // SAFETY: the views were checked, the tile's rows exist, and only its columns within `c`
            // are written.
            unsafe {
                if !whole {
                    code.partial(&tile, panel.width, panel.valid);
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

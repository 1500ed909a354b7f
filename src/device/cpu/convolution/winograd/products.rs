//! The products of transformed numbers: one for each point, which do not depend on each other.
#![allow(unsafe_code)]

use std::ops::Range;

use super::super::super::gemm::blocks::{Panel, blocks, depth_blocks, panels};
use super::super::super::gemm::kernel::Kernels;
use super::super::super::gemm::operands::{DEPTH, Left, ROW, Spacing};
use super::super::super::gemm::tile::{Ahead, LINE, Tile, prefetch};
use super::super::super::scratch::Parts;
use super::super::super::team::{Pieces, Team};
use super::tiling::{GRAIN, Transformed};

/// Columns of a product that a thread takes at once: whole panels, of which a depth block stays in the
/// second-level cache.
const COLUMNS: usize = 192;

/// Rows of the gradient of weights that a thread takes at once.
const ROWS: usize = 256;

/// Floats from one row of these to the next; no power of two, lest all fall into the same cache sets.
const STEP: usize = ROWS + 16;

/// Rows of the next panel that a tile fetches in a round.
const FETCHED: usize = 2;

/// Rows of the left factor that are fetched ahead.
const ROWS_AHEAD: usize = 3;

/// Right factors, one for each point, in panels of depth blocks.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    pub kernels: &'static Kernels,
    pub at: *mut f32,
    pub points: usize,
    pub depth: usize,
    /// A multiple of all vectors' lanes.
    pub columns: usize,
}

// SAFETY: threads write disjoint panels or rows of them, and read what was complete before.
unsafe impl Sync for Packed {}

impl Packed {
    /// From one point's factor to the next: a cache line more than it has, lest all fall into the same
    /// cache sets.
    pub fn step(&self) -> usize {
        self.depth * self.columns + GRAIN
    }

    /// How much memory there must be.
    pub fn len(&self) -> usize {
        self.points * self.step()
    }

    /// The depth block that has a row.
    pub fn block_of(&self, row: usize) -> Range<usize> {
        depth_blocks(self.depth).find(|block| block.contains(&row)).unwrap_or(0..0)
    }

    /// The panels of a depth block, for the first point.
    pub fn panels(&self, depth: &Range<usize>) -> impl Iterator<Item = Panel> {
        let depth = depth.clone();
        let chunks = blocks(0..self.columns, COLUMNS);
        let this = *self;
        chunks.flat_map(move |columns| this.panels_in(columns, &depth, 0))
    }

    /// The panel of a depth block that has a column, for the first point.
    pub fn panel_of(&self, depth: &Range<usize>, column: usize) -> Option<Panel> {
        self.panels(depth).find(|panel| column < panel.first + panel.width)
    }

    /// The panels of some [`COLUMNS`].
    fn panels_in(
        &self,
        columns: Range<usize>,
        depth: &Range<usize>,
        point: usize,
    ) -> impl Iterator<Item = Panel> + use<> {
        let before = depth.start * self.columns + columns.start * depth.len();
        let at = self.at.wrapping_add(point * self.step() + before);
        panels(self.kernels, columns, at, depth.len())
    }
}

/// Fetches some numbers.
fn fetch(from: *const f32, len: usize) {
    (0..len).step_by(LINE).for_each(|at| prefetch(from.wrapping_add(at)));
}

/// `c = a · b` for each point, the rows of `a` and `c` tiles. Both may be in the same memory.
pub(super) struct Straight {
    pub a: Transformed,
    pub b: Packed,
    pub c: Transformed,
}

impl Straight {
    /// Floats that a thread needs for so many rows.
    pub fn memory(rows: usize, depth: usize) -> usize {
        depth_blocks(depth).count() * rows * ROW
    }

    pub fn run(&self, team: &Team, memory: &Parts<'_>) {
        let pieces = Pieces::new(self.b.points, 1, usize::MAX, team.threads());
        team.run(|thread| {
            for point in (&pieces).flatten() {
                // SAFETY: the point is this thread's, and so is its memory.
                unsafe { self.part(point, memory.of(thread)) };
            }
        });
    }

    /// A point's product.
    ///
    /// # Safety
    /// Factors are complete; the calling thread alone uses the point and the memory.
    unsafe fn part(&self, point: usize, memory: *mut f32) {
        let gathered = |block: usize| memory.wrapping_add(block * self.a.rows * ROW);
        // SAFETY: the memory has room for the rows; the factor is complete.
        unsafe { self.gather(point, memory) };
        for columns in blocks(0..self.b.columns, COLUMNS) {
            for (block, depth) in depth_blocks(self.b.depth).enumerate() {
                for panel in self.b.panels_in(columns.clone(), &depth, point) {
                    // SAFETY: the caller's promise.
                    unsafe { self.panel(point, &depth, &panel, gathered(block)) };
                }
            }
        }
    }

    /// Brings the left factor together, block by block.
    ///
    /// # Safety
    /// As [`Self::part`].
    unsafe fn gather(&self, point: usize, to: *mut f32) {
        let (from, step) = (self.a.point(point), self.a.row_step);
        for row in 0..self.a.rows {
            let from = from.wrapping_add(row * step);
            fetch(from.wrapping_add(ROWS_AHEAD * step), self.a.columns);
            for (block, depth) in depth_blocks(self.b.depth).enumerate() {
                let to = to.wrapping_add((block * self.a.rows + row) * ROW);
                // SAFETY: the caller's promise.
                unsafe { to.copy_from_nonoverlapping(from.add(depth.start), depth.len()) };
            }
        }
    }

    /// # Safety
    /// As [`Self::part`]; the left factor is gathered.
    unsafe fn panel(&self, point: usize, depth: &Range<usize>, panel: &Panel, gathered: *mut f32) {
        let (kernels, mut fetched, mut i) = (self.b.kernels, 0, 0);
        let next = panel.data.wrapping_add(panel.width * depth.len());
        while i < self.a.rows {
            let code = kernels.tile(panel.vectors, self.a.rows - i);
            let ahead = match fetched < depth.len() {
                true => Ahead::Panel {
                    from: next.wrapping_add(fetched * panel.width),
                    row: panel.width,
                },
                false => Ahead::Nothing,
            };
            fetched += FETCHED * (depth.len() / LINE);
            let tile = Tile {
                depth: depth.len(),
                a: Left::Along { from: gathered.wrapping_add(i * ROW) },
                b: panel.data,
                c: self.c.point(point).wrapping_add(i * self.c.row_step + panel.first),
                c_rows: Spacing::Every(self.c.row_step),
                resume: depth.start > 0,
                ahead,
            };
            // SAFETY: the caller's promise; rows of `c` have whole vectors.
            unsafe { (code.plain)(&tile) };
            i += code.rows;
        }
    }
}

/// `c (+)= aᵀ · b` for each point, the rows of `a` and `b` tiles.
pub(super) struct Crossed {
    pub kernels: &'static Kernels,
    pub a: Transformed,
    pub b: Transformed,
    pub c: Transformed,
    pub accumulate: bool,
}

impl Crossed {
    /// Floats that a thread needs for so many columns of b.
    pub fn memory(columns: usize) -> usize {
        DEPTH * (STEP + columns)
    }

    pub fn run(&self, team: &Team, memory: &Parts<'_>) {
        let chunks = self.c.rows.div_ceil(ROWS);
        let pieces = Pieces::new(self.c.points * chunks, 1, 2 * chunks, team.threads());
        team.run(|thread| {
            for number in (&pieces).flatten() {
                let (point, first) = (number / chunks, number % chunks * ROWS);
                let rows = first..(first + ROWS).min(self.c.rows);
                // SAFETY: these rows of the point are this thread's, and so is its memory.
                unsafe { self.part(point, rows, memory.of(thread)) };
            }
        });
    }

    /// Some rows of a point's product.
    ///
    /// # Safety
    /// Factors are complete; the calling thread alone uses these rows of `c` and the memory.
    unsafe fn part(&self, point: usize, rows: Range<usize>, memory: *mut f32) {
        let packed = memory.wrapping_add(DEPTH * STEP);
        for depth in blocks(0..self.a.rows, DEPTH) {
            // SAFETY: the factors are complete, and the memory has room for both blocks.
            unsafe {
                self.gather(point, &rows, &depth, memory);
                self.pack(point, &depth, packed);
            }
            for panel in panels(self.kernels, 0..self.b.columns, packed, depth.len()) {
                // SAFETY: the caller's promise.
                unsafe { self.panel(point, &rows, &depth, &panel, memory) };
            }
        }
    }

    /// Brings some columns of the left factor together, rows of its transpose.
    ///
    /// # Safety
    /// As [`Self::part`].
    unsafe fn gather(&self, point: usize, rows: &Range<usize>, depth: &Range<usize>, to: *mut f32) {
        let a = self.a.point(point).wrapping_add(depth.start * self.a.row_step + rows.start);
        for i in 0..depth.len() {
            let from = a.wrapping_add(i * self.a.row_step);
            fetch(from.wrapping_add(ROWS_AHEAD * self.a.row_step), rows.len());
            // SAFETY: the caller's promise.
            unsafe { to.add(i * STEP).copy_from_nonoverlapping(from, rows.len()) };
        }
    }

    /// Packs panels of the right factor, row by row as it is stored.
    ///
    /// # Safety
    /// As [`Self::part`].
    unsafe fn pack(&self, point: usize, depth: &Range<usize>, to: *mut f32) {
        let b = self.b.point(point).wrapping_add(depth.start * self.b.row_step);
        for i in 0..depth.len() {
            let from = b.wrapping_add(i * self.b.row_step);
            fetch(from.wrapping_add(ROWS_AHEAD * self.b.row_step), self.b.columns);
            for panel in panels(self.kernels, 0..self.b.columns, to, depth.len()) {
                let to = panel.data.wrapping_add(i * panel.width);
                // SAFETY: the caller's promise.
                unsafe { (self.kernels.copy)(from.add(panel.first), 0, to, 1, panel.width) };
            }
        }
    }

    /// # Safety
    /// As [`Self::part`]; both factors are brought together.
    unsafe fn panel(
        &self,
        point: usize,
        rows: &Range<usize>,
        depth: &Range<usize>,
        panel: &Panel,
        gathered: *mut f32,
    ) {
        let mut i = 0;
        while i < rows.len() {
            let code = self.kernels.tile(panel.vectors, rows.len() - i);
            let row = (rows.start + i) * self.c.row_step;
            let tile = Tile {
                depth: depth.len(),
                a: Left::Across { from: gathered.wrapping_add(i), step: STEP },
                b: panel.data,
                c: self.c.point(point).wrapping_add(row + panel.first),
                c_rows: Spacing::Every(self.c.row_step),
                resume: self.accumulate || depth.start > 0,
                ahead: Ahead::Nothing,
            };
            // SAFETY: the caller's promise; rows of `c` have whole vectors.
            unsafe { (code.plain)(&tile) };
            i += code.rows;
        }
    }
}

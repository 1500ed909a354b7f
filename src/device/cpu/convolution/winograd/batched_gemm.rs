//! Batched matrix multiplications of transformed data: an independent one for each point.
#![allow(unsafe_code)]

use std::ops::Range;

use super::super::super::gemm::blocks::{Panel, blocks, depth_blocks, panels};
use super::super::super::gemm::kernel::Kernels;
use super::super::super::gemm::operands::{DEPTH, LeftOperand, ROW, RowOffsets};
use super::super::super::gemm::tile::{LINE, Prefetch, Tile, prefetch};
use super::super::super::scratch::Parts;
use super::super::super::thread_pool::{ThreadPool, WorkQueue};
use super::tiling::{GRAIN, Transformed};

/// Columns that a thread processes at once: whole panels, of which a depth block stays in the L2
/// cache.
const COLUMNS: usize = 192;

/// Rows of the gradient of weights that a thread processes at once.
const ROWS: usize = 256;

/// Floats from one of these rows to the next; not a power of two, so that rows do not all map to the
/// same cache sets.
const STEP: usize = ROWS + 16;

/// Rows of the next panel that a tile prefetches per round.
const FETCHED: usize = 2;

/// Prefetch distance in rows of the left operand.
const ROWS_AHEAD: usize = 3;

/// Packed right operands, one for each point, in panels of depth blocks.
#[derive(Clone, Copy)]
pub(super) struct Packed {
    pub kernels: &'static Kernels,
    pub at: *mut f32,
    pub points: usize,
    pub depth: usize,
    /// A multiple of the lanes of every vector type.
    pub columns: usize,
}

// SAFETY: threads write disjoint panels or rows of them, and read only complete ones.
unsafe impl Sync for Packed {}

impl Packed {
    /// Floats from one point's operand to the next: padded by a cache line, so that they do not all map
    /// to the same cache sets.
    pub fn step(&self) -> usize {
        self.depth * self.columns + GRAIN
    }

    /// Floats of all operands.
    pub fn len(&self) -> usize {
        self.points * self.step()
    }

    /// The depth block that contains a row.
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

    /// The panel of a depth block that contains a column, for the first point.
    pub fn panel_of(&self, depth: &Range<usize>, column: usize) -> Option<Panel> {
        self.panels(depth).find(|panel| column < panel.first + panel.width)
    }

    /// The panels of a block of [`COLUMNS`].
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

/// Prefetches `len` floats.
fn fetch(from: *const f32, len: usize) {
    (0..len).step_by(LINE).for_each(|at| prefetch(from.wrapping_add(at)));
}

/// `c = a · b` for each point; the rows of `a` and `c` are tiles. Both may be in the same memory.
pub(super) struct BatchedGemm {
    pub a: Transformed,
    pub b: Packed,
    pub c: Transformed,
}

impl BatchedGemm {
    /// Floats of scratch memory per thread, for this number of rows.
    pub fn memory(rows: usize, depth: usize) -> usize {
        depth_blocks(depth).count() * rows * ROW
    }

    pub fn run(&self, pool: &ThreadPool, memory: &Parts<'_>) {
        let pieces = WorkQueue::new(self.b.points, 1, usize::MAX, pool.threads());
        pool.run(|thread| {
            for point in (&pieces).flatten() {
                // SAFETY: the point and the memory are this thread's own.
                unsafe { self.part(point, memory.of(thread)) };
            }
        });
    }

    /// The matrix multiplication of one point.
    ///
    /// # Safety
    /// Operands are complete; only the calling thread uses the point and the memory.
    unsafe fn part(&self, point: usize, memory: *mut f32) {
        let gathered = |block: usize| memory.wrapping_add(block * self.a.rows * ROW);
        // SAFETY: the memory has space for the rows; the operand is complete.
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

    /// Gathers the left operand, block by block.
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
    /// As [`Self::part`]; the left operand is gathered.
    unsafe fn panel(&self, point: usize, depth: &Range<usize>, panel: &Panel, gathered: *mut f32) {
        let (kernels, mut fetched, mut i) = (self.b.kernels, 0, 0);
        let next = panel.data.wrapping_add(panel.width * depth.len());
        while i < self.a.rows {
            let code = kernels.tile(panel.vectors, self.a.rows - i);
            let ahead = match fetched < depth.len() {
                true => Prefetch::Panel {
                    from: next.wrapping_add(fetched * panel.width),
                    row: panel.width,
                },
                false => Prefetch::Nothing,
            };
            fetched += FETCHED * (depth.len() / LINE);
            let tile = Tile {
                depth: depth.len(),
                a: LeftOperand::Along { from: gathered.wrapping_add(i * ROW) },
                b: panel.data,
                c: self.c.point(point).wrapping_add(i * self.c.row_step + panel.first),
                c_rows: RowOffsets::Stride(self.c.row_step),
                accumulate: depth.start > 0,
                ahead,
            };
            // SAFETY: the caller's promise; rows of `c` have whole vectors.
            unsafe { (code.plain)(&tile) };
            i += code.rows;
        }
    }
}

/// `c (+)= aᵀ · b` for each point; the rows of `a` and `b` are tiles.
pub(super) struct BatchedGemmTransposedA {
    pub kernels: &'static Kernels,
    pub a: Transformed,
    pub b: Transformed,
    pub c: Transformed,
    pub accumulate: bool,
}

impl BatchedGemmTransposedA {
    /// Floats of scratch memory per thread, for this number of columns of b.
    pub fn memory(columns: usize) -> usize {
        DEPTH * (STEP + columns)
    }

    pub fn run(&self, pool: &ThreadPool, memory: &Parts<'_>) {
        let chunks = self.c.rows.div_ceil(ROWS);
        let pieces = WorkQueue::new(self.c.points * chunks, 1, 2 * chunks, pool.threads());
        pool.run(|thread| {
            for number in (&pieces).flatten() {
                let (point, first) = (number / chunks, number % chunks * ROWS);
                let rows = first..(first + ROWS).min(self.c.rows);
                // SAFETY: these rows of the point and the memory are this thread's own.
                unsafe { self.part(point, rows, memory.of(thread)) };
            }
        });
    }

    /// Some rows of one point's result.
    ///
    /// # Safety
    /// Operands are complete; only the calling thread uses these rows of `c` and the memory.
    unsafe fn part(&self, point: usize, rows: Range<usize>, memory: *mut f32) {
        let packed = memory.wrapping_add(DEPTH * STEP);
        for depth in blocks(0..self.a.rows, DEPTH) {
            // SAFETY: the operands are complete, and the memory has space for both blocks.
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

    /// Gathers some columns of the left operand, which are rows of its transpose.
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

    /// Packs panels of the right operand, row by row as it is stored.
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
    /// As [`Self::part`]; both operands are gathered.
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
                a: LeftOperand::Across { from: gathered.wrapping_add(i), step: STEP },
                b: panel.data,
                c: self.c.point(point).wrapping_add(row + panel.first),
                c_rows: RowOffsets::Stride(self.c.row_step),
                accumulate: self.accumulate || depth.start > 0,
                ahead: Prefetch::Nothing,
            };
            // SAFETY: the caller's promise; rows of `c` have whole vectors.
            unsafe { (code.plain)(&tile) };
            i += code.rows;
        }
    }
}

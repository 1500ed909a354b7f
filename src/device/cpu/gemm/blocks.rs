//! A matrix multiplication: its operands, the division among threads, and the block sizes.
//!
//! Threads divide the columns of the result, never the depth. Each processes one column block after
//! the other; a block is complete, and passed to `finish`, before the next one starts. Depths longer
//! than [`DEPTH`] are split into blocks whose sums accumulate in the result.
//!
//! Each thread packs the whole left operand for itself. Of large batches that is more than its cache
//! holds, so there the threads divide the rows instead: a *slab* of rows is multiplied like a matrix of
//! its own, by one thread.
#![allow(unsafe_code)]
use super::super::thread_pool::{ColumnBlock, ThreadPool, WorkQueue};
use super::Matrix;
use super::kernel::Kernels;
use super::operands::{DEPTH, LeftOperand, Offsets, RowOffsets};
use super::pack::Source;
use super::tile::{Prefetch, Tile};
use std::ops::Range;

/// Columns of a block: four panels of 48 (AVX-512), few enough that the results are still in the L2
/// cache when `finish` reads them.
pub(super) const COLUMNS: usize = 192;

/// Fewest columns that a thread takes: whole panels and tiles on every instruction set.
const PIECE: usize = 48;

/// Most rows of a slab: with a depth of 1,024, its part of the left operand takes 1 MB, which stays in
/// the L2 cache.
const SLAB: usize = 240;

/// A left operand of more floats than this, 1 MB, is divided into slabs.
const LARGE: usize = 256 * 1024;

/// Fewer multiplications than this run on the calling thread alone, in about 2 µs.
const PARALLEL_THRESHOLD: usize = 128 * 1024;

/// `c = a · b`, or `c += a · b`, with c (rows, columns) contiguous; further rows of c are left alone.
pub(super) struct Gemm<'a> {
    pub kernels: &'static Kernels,
    pub c: *mut f32,
    /// Rows of c, at least those of a.
    rows: usize,
    pub a: Matrix<'a, f32>,
    pub b: Matrix<'a, f32>,
    pub accumulate: bool,
}

// SAFETY: threads write disjoint columns or rows of `c`, which the `Gemm` borrows exclusively.
unsafe impl Sync for Gemm<'_> {}

/// A panel: some columns of the packed operand.
#[derive(Clone, Copy)]
pub(in super::super) struct Panel {
    pub first: usize,
    pub vectors: usize,
    /// Floats in a row, including padding beyond the operand's edge.
    pub width: usize,
    /// Columns that exist in the operand.
    pub valid: usize,
    pub data: *mut f32,
}

/// The loops around the tiles, for one way in which the right operand is stored.
pub(super) trait Loops {
    /// Floats of scratch memory that a thread needs.
    fn memory(gemm: &Gemm<'_>) -> usize;

    /// Packs the left operand.
    ///
    /// # Safety
    /// Only the calling thread uses the memory, which is large enough.
    unsafe fn prepare(gemm: &Gemm<'_>, memory: *mut f32);

    /// Computes some columns of the result, at most [`COLUMNS`].
    ///
    /// # Safety
    /// Only the calling thread uses these columns and the memory, for which it has called
    /// [`Loops::prepare`].
    unsafe fn multiply(gemm: &Gemm<'_>, columns: Range<usize>, memory: *mut f32);
}

/// The threads that divide a matrix multiplication, and what they do with complete blocks.
struct Work<'a, F> {
    pool: &'a ThreadPool,
    threads: usize,
    finish: &'a F,
}

impl<F> Work<'_, F> {
    fn run(&self, part: impl Fn(usize) + Sync) {
        if self.threads == 1 { part(0) } else { self.pool.run(part) }
    }
}

impl<'a> Gemm<'a> {
    /// The views must have been checked, and no extent except the depth may be zero.
    pub fn new(c: &'a mut [f32], a: Matrix<'a, f32>, b: Matrix<'a, f32>, accumulate: bool) -> Self {
        let rows = c.len() / b.columns;
        Self { kernels: Kernels::get(), c: c.as_mut_ptr(), rows, a, b, accumulate }
    }

    pub fn columns(&self) -> usize {
        self.b.columns
    }

    /// Whether the sums of a depth block are added to `c`.
    pub fn accumulates(&self, depth: &Range<usize>) -> bool {
        self.accumulate || depth.start > 0
    }

    /// The matrix multiplication.
    pub fn run<L: Loops>(
        &self,
        pool: &ThreadPool,
        finish: impl Fn(&mut ColumnBlock<'_, f32>) + Sync,
    ) {
        let alone = self.a.rows * self.a.columns * self.columns() < PARALLEL_THRESHOLD;
        let threads = if alone { 1 } else { pool.threads() };
        let work = Work { pool, threads, finish: &finish };
        let is_large = self.a.rows * self.a.columns > LARGE && self.a.rows >= threads * 2 * SLAB;
        match is_large && self.rows == self.a.rows {
            true => self.by_slabs::<L>(&work),
            false => self.by_columns::<L>(&work),
        }
    }

    /// Threads divide the columns.
    fn by_columns<L: Loops>(&self, work: &Work<'_, impl Fn(&mut ColumnBlock<'_, f32>) + Sync>) {
        let mut scratch = work.pool.scratch();
        let memory = scratch.parts(L::memory(self), work.threads);
        let least = if work.threads == 1 { COLUMNS } else { PIECE };
        let pieces = WorkQueue::new(self.columns(), least, COLUMNS, work.threads);
        work.run(|thread| {
            let mut own = (&pieces).peekable();
            // SAFETY: the pieces are disjoint; the memory is this thread's, and large enough.
            unsafe {
                if own.peek().is_some() {
                    L::prepare(self, memory.of(thread));
                }
                for piece in own {
                    L::multiply(self, piece.clone(), memory.of(thread));
                    (work.finish)(&mut self.block(piece));
                }
            }
        });
    }

    /// Threads divide the rows.
    fn by_slabs<L: Loops>(&self, work: &Work<'_, impl Fn(&mut ColumnBlock<'_, f32>) + Sync>) {
        let mut scratch = work.pool.scratch();
        let memory = scratch.parts(L::memory(&self.slab(0..SLAB)), work.threads);
        let slabs = WorkQueue::new(self.a.rows, PIECE, SLAB, work.threads);
        work.run(|thread| {
            for rows in &slabs {
                let slab = self.slab(rows.clone());
                // SAFETY: the slabs are disjoint; the memory is this thread's, and large enough.
                unsafe {
                    L::prepare(&slab, memory.of(thread));
                    for piece in blocks(0..self.columns(), COLUMNS) {
                        L::multiply(&slab, piece.clone(), memory.of(thread));
                        (work.finish)(&mut slab.block(piece).at_row(rows.start));
                    }
                }
            }
        });
    }

    /// Some rows of the result, as a multiplication of their own.
    fn slab(&self, rows: Range<usize>) -> Self {
        let start = (rows.start * self.a.row_stride).min(self.a.data.len());
        let a = Matrix { data: &self.a.data[start..], rows: rows.len(), ..self.a };
        let c = self.c.wrapping_add(rows.start * self.columns());
        Self { c, a, rows: rows.len(), ..*self }
    }

    /// # Safety
    /// The calling thread alone uses these columns of `c`.
    pub unsafe fn block(&self, columns: Range<usize>) -> ColumnBlock<'_, f32> {
        // SAFETY: the caller's promise; `c` has these rows, contiguous.
        unsafe { ColumnBlock::new(self.c, self.rows, self.columns(), columns) }
    }

    /// The panels of some columns; each is stored in `memory` at `depth` times its offset from the
    /// first column.
    pub fn panels(
        &self,
        columns: Range<usize>,
        memory: *mut f32,
        depth: usize,
    ) -> impl Iterator<Item = Panel> {
        panels(self.kernels, columns, memory, depth)
    }
}

impl Matrix<'_, f32> {
    /// The source whose depth runs along the rows, from element (row, column).
    pub(super) fn down(&self, row: usize, column: usize) -> Source {
        let start = row * self.row_stride + column * self.column_stride;
        Source {
            from: self.data.as_ptr().wrapping_add(start),
            column_stride: self.column_stride,
            depth_stride: self.row_stride,
        }
    }

    /// The source whose depth runs along the columns, from element (row, column).
    pub(super) fn across(&self, row: usize, column: usize) -> Source {
        let Source { from, column_stride, depth_stride } = self.down(row, column);
        Source { from, column_stride: depth_stride, depth_stride: column_stride }
    }
}

impl Panel {
    /// The same with all columns valid: for a `c` whose rows are padded to whole vectors.
    pub fn whole(self) -> Self {
        Self { valid: self.width, ..self }
    }

    /// The same panel from this depth on.
    pub fn at_depth(self, depth: usize) -> Self {
        Self { data: self.data.wrapping_add(depth * self.width), ..self }
    }

    /// `c = a · panel`, or `c += a · panel` with `accumulate`, by tiles of rows of `a`. If the panel is
    /// not packed yet, `stored` says where its rows are. Only the valid columns of `c` are written;
    /// `between` is called after each tile.
    ///
    /// # Safety
    /// The panel is packed, or is whole and stored there; `a` has these extents, and only the calling
    /// thread uses `c`, which has as many rows.
    #[allow(clippy::too_many_arguments)]
    pub unsafe fn multiply(
        &self,
        kernels: &Kernels,
        [rows, depth]: [usize; 2],
        a: LeftOperand,
        stored: Option<(*const f32, &Offsets)>,
        (c, c_rows): (*mut f32, RowOffsets),
        accumulate: bool,
        mut between: impl FnMut(),
    ) {
        let mut i = 0;
        while i < rows {
            let code = kernels.tile(self.vectors, rows - i);
            let (c, c_rows) = c_rows.at_row(i, c);
            let tile = Tile {
                depth,
                a: a.at_row(i),
                b: self.data,
                c,
                c_rows,
                accumulate,
                ahead: Prefetch::Nothing,
            };
            // SAFETY: the caller's promise; only valid columns are written.
            unsafe {
                match stored {
                    Some((b, starts)) if i == 0 => (code.packing)(&tile, b, starts),
                    _ if self.valid == self.width => (code.plain)(&tile),
                    _ => code.partial(&tile, self.width, self.valid),
                }
            }
            i += code.rows;
            between();
        }
    }
}

/// The panels of some columns; each is stored in `memory` at `depth` times its offset from the first
/// column.
pub(in super::super) fn panels(
    kernels: &Kernels,
    columns: Range<usize>,
    memory: *mut f32,
    depth: usize,
) -> impl Iterator<Item = Panel> {
    let mut first = columns.start;
    std::iter::from_fn(move || {
        let left = columns.end.checked_sub(first).filter(|&left| left > 0)?;
        let vectors = kernels.panel_vectors(left);
        let width = vectors * kernels.lanes;
        let data = memory.wrapping_add((first - columns.start) * depth);
        let panel = Panel { first, vectors, width, valid: width.min(left), data };
        first += width;
        Some(panel)
    })
}

/// `range` in blocks of `length`.
pub(in super::super) fn blocks(
    range: Range<usize>,
    length: usize,
) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(length).map(move |start| start..end.min(start + length))
}

/// Nearly equal blocks of the depth; one empty block, whose sums are zero, if the depth is 0.
pub(in super::super) fn depth_blocks(depth: usize) -> impl Iterator<Item = Range<usize>> {
    let length = depth.div_ceil(depth.div_ceil(DEPTH).max(1)).next_multiple_of(16);
    blocks(0..depth.max(1), length.max(1)).map(move |block| block.start..block.end.min(depth))
}

//! A product under way: its operands, the division of labour, and the sizes of blocks.
//!
//! Threads divide the columns of the result, never the depth. Each takes a block of columns after
//! the other; a block is complete, and handed to `finish`, before the next begins. Depths longer than
//! [`DEPTH`] are done in pieces whose sums are added in the result.
#![allow(unsafe_code)]
use super::super::team::{Pieces, Stripe, Team};
use super::Matrix;
use super::kernel::Kernels;
use super::operands::{DEPTH, Left, Spacing, Starts};
use super::pack::Source;
use super::tile::{Ahead, Tile};
use std::ops::Range;

/// Columns of a block: four panels of 48 (AVX-512), few enough that `finish` finds the results in
/// the second-level cache.
pub(super) const COLUMNS: usize = 192;

/// Columns that a thread takes at the least: whole panels and tiles on every instruction set.
const PIECE: usize = 48;

/// Fewer multiplications than this are done by the calling thread alone, in some 2 µs.
const WORTH_SHARING: usize = 128 * 1024;

/// `c = a · b`, or `c += a · b`, with c (rows, columns) contiguous.
pub(super) struct Product<'a> {
    pub kernels: &'static Kernels,
    pub c: *mut f32,
    pub a: Matrix<'a, f32>,
    pub b: Matrix<'a, f32>,
    pub accumulate: bool,
}

// SAFETY: threads write disjoint columns of `c`, which the product borrows exclusively.
unsafe impl Sync for Product<'_> {}

/// Some columns of the packed operand.
#[derive(Clone, Copy)]
pub(in super::super) struct Panel {
    pub first: usize,
    pub vectors: usize,
    /// Floats in a row, some of them beyond the operand's edge perhaps.
    pub width: usize,
    /// Columns that the operand has.
    pub valid: usize,
    pub data: *mut f32,
}

impl<'a> Product<'a> {
    /// The views must have been checked, and nothing may be empty but the depth.
    pub fn new(c: &'a mut [f32], a: Matrix<'a, f32>, b: Matrix<'a, f32>, accumulate: bool) -> Self {
        Self { kernels: Kernels::get(), c: c.as_mut_ptr(), a, b, accumulate }
    }

    pub fn columns(&self) -> usize {
        self.b.columns
    }

    /// Whether the sums over a block of the depth are added to what stands in `c`.
    pub fn resumes(&self, depth: &Range<usize>) -> bool {
        self.accumulate || depth.start > 0
    }

    /// Calls `work` with threads' numbers and disjoint pieces that cover the columns, at most
    /// [`COLUMNS`] each, and before a thread's first piece `prepare`.
    pub fn share(
        &self,
        team: &Team,
        prepare: impl Fn(usize) + Sync,
        work: impl Fn(usize, Range<usize>) + Sync,
    ) {
        let columns = self.columns();
        let alone = self.a.rows * self.a.columns * columns < WORTH_SHARING;
        let threads = if alone { 1 } else { team.threads() };
        let least = if threads == 1 { COLUMNS } else { PIECE };
        let pieces = Pieces::new(columns, least, COLUMNS, threads);
        let part = |thread: usize| {
            let mut mine = (&pieces).peekable();
            if mine.peek().is_some() {
                prepare(thread);
            }
            mine.for_each(|piece| work(thread, piece));
        };
        if threads == 1 { part(0) } else { team.run(part) }
    }

    /// # Safety
    /// The calling thread alone uses these columns of `c`.
    pub unsafe fn stripe(&self, columns: Range<usize>) -> Stripe<'_, f32> {
        // SAFETY: the caller's promise; `c` has the rows of `a`, contiguous.
        unsafe { Stripe::new(self.c, self.a.rows, self.columns(), columns) }
    }

    /// The panels of some columns; each begins in `memory` at `depth` times its distance from the
    /// first.
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
    /// Seen with its rows along the depth, from element (row, column).
    pub(super) fn down(&self, row: usize, column: usize) -> Source {
        let start = row * self.row_stride + column * self.column_stride;
        Source {
            from: self.data.as_ptr().wrapping_add(start),
            column_stride: self.column_stride,
            depth_stride: self.row_stride,
        }
    }

    /// Seen with its columns along the depth, from element (row, column).
    pub(super) fn across(&self, row: usize, column: usize) -> Source {
        let Source { from, column_stride, depth_stride } = self.down(row, column);
        Source { from, column_stride: depth_stride, depth_stride: column_stride }
    }
}

impl Panel {
    /// The same with all columns valid: for a `c` whose rows have room for whole vectors.
    pub fn whole(self) -> Self {
        Self { valid: self.width, ..self }
    }

    /// The same from this depth on.
    pub fn at_depth(self, depth: usize) -> Self {
        Self { data: self.data.wrapping_add(depth * self.width), ..self }
    }

    /// `c = a · panel`, or `c += a · panel` where it resumes, by tiles of rows of `a`. A panel that is still
    /// to be packed comes with where its rows are `stored`. Only the panel's valid columns of `c` are
    /// written; `between` is called after each tile.
    ///
    /// # Safety
    /// The panel is packed, or is whole and stored there; `a` has these extents, and the calling thread
    /// alone uses `c`, which has as many rows.
    #[allow(clippy::too_many_arguments)]
    pub unsafe fn multiply(
        &self,
        kernels: &Kernels,
        [rows, depth]: [usize; 2],
        a: Left,
        stored: Option<(*const f32, &Starts)>,
        (c, c_rows): (*mut f32, Spacing),
        resume: bool,
        mut between: impl FnMut(),
    ) {
        let mut i = 0;
        while i < rows {
            let code = kernels.tile(self.vectors, rows - i);
            let (c, c_rows) = c_rows.starting_at(i, c);
            let tile = Tile {
                depth,
                a: a.starting_at(i),
                b: self.data,
                c,
                c_rows,
                resume,
                ahead: Ahead::Nothing,
            };
            // SAFETY: the caller's promise; what is not valid is cut off.
            unsafe {
                match stored {
                    Some((b, starts)) if i == 0 => (code.packing)(&tile, b, starts),
                    _ if self.valid == self.width => (code.plain)(&tile),
                    _ => code.cut(&tile, self.width, self.valid),
                }
            }
            i += code.rows;
            between();
        }
    }
}

/// The panels of some columns; each begins in `memory` at `depth` times its distance from the first.
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

/// `range` in pieces of `length`.
pub(in super::super) fn blocks(
    range: Range<usize>,
    length: usize,
) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(length).map(move |start| start..end.min(start + length))
}

/// Nearly equal pieces of the depth; one empty piece of an empty depth, whose sums are zeros.
pub(in super::super) fn depth_blocks(depth: usize) -> impl Iterator<Item = Range<usize>> {
    let length = depth.div_ceil(depth.div_ceil(DEPTH).max(1)).next_multiple_of(16);
    blocks(0..depth.max(1), length.max(1)).map(move |block| block.start..block.end.min(depth))
}

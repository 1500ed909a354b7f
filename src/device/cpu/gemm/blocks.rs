//! The loops around the tile, and the division of labour.
//!
//! Threads divide the columns of the result, never the depth. Each goes through its columns in
//! blocks; a block is complete, and handed to `finish`, before the next begins. Depths longer than
//! [`DEPTH`] are done in pieces whose sums continue in the result.
#![allow(unsafe_code)]
use super::super::team::{STRIPE_GRAIN, Stripe, Team, part};
use super::Matrix;
use super::kernel::{Ahead, Kernels, MOST_LANES, MOST_ROWS, MOST_VECTORS, Tile, TileCode};
use super::pack::{Source, pack, transpose, with_common, with_own};
use std::ops::Range;

/// Depth of a block: panels of it stay in the second-level cache.
const DEPTH: usize = 192;

/// Columns of a block, four panels of 48 or 32 × 6 (AVX-512), so that `finish` finds them in the
/// cache.
const COLUMNS: usize = 192;

/// Rows of a block.
const ROWS: usize = 240;

/// Rows of a transposed block, the columns of a tile's panel.
const STAGED_ROWS: usize = 256;

const STAGED_VECTORS: usize = 3;

/// Floats from one row of the staged block to the next; no power of two, lest all rows fall into
/// the same cache sets.
const STAGED_STRIDE: usize = STAGED_ROWS + 16;

/// Fewer multiplications than this are done by the calling thread alone (some 2 µs).
const WORTH_SHARING: usize = 128 * 1024;

/// `c = a · b` with c (rows, columns) contiguous.
pub(super) struct Product<'a> {
    kernels: &'static Kernels,
    c: *mut f32,
    a: Matrix<'a, f32>,
    b: Matrix<'a, f32>,
}

// SAFETY: threads write disjoint columns of `c`, which the product borrows exclusively.
unsafe impl Sync for Product<'_> {}

/// A pointer to memory that all threads read, or write in disjoint parts.
#[derive(Clone, Copy)]
struct Common(*mut f32);

// SAFETY: see above.
unsafe impl Sync for Common {}

impl<'a> Product<'a> {
    /// The views must have been checked, and nothing may be empty but the depth.
    pub fn new(c: &'a mut [f32], a: Matrix<'a, f32>, b: Matrix<'a, f32>) -> Self {
        Self { kernels: Kernels::get(), c: c.as_mut_ptr(), a, b }
    }

    /// Other kernels than the best.
    #[cfg(test)]
    pub fn with_kernels(self, kernels: &'static Kernels) -> Self {
        Self { kernels, ..self }
    }

    fn columns(&self) -> usize {
        self.b.columns
    }

    /// Calls `work` with disjoint ranges that cover the columns.
    fn share(&self, team: &Team, work: impl Fn(Range<usize>) + Sync) {
        let columns = self.columns();
        let threads = team.threads().min(columns.div_ceil(STRIPE_GRAIN));
        if threads == 1 || self.a.rows * self.a.columns * columns < WORTH_SHARING {
            return work(0..columns);
        }
        team.run(|thread| {
            if thread < threads {
                work(part(columns, STRIPE_GRAIN, threads, thread));
            }
        });
    }

    /// # Safety
    /// The calling thread alone uses these columns of `c`.
    unsafe fn stripe(&self, columns: Range<usize>) -> Stripe<'_, f32> {
        // SAFETY: the caller's promise; `c` has the rows of `a`, contiguous.
        unsafe { Stripe::new(self.c, self.a.rows, self.columns(), columns) }
    }

    /// The product by tiles of `c`, panels of `b` packed by each thread for its columns.
    pub fn straight(&self, team: &Team, finish: impl Fn(&mut Stripe<'_, f32>) + Sync) {
        self.share(team, |mine| {
            with_own((COLUMNS + ROWS) * DEPTH, |panels| {
                for block in blocks(mine, COLUMNS) {
                    for depth in depth_blocks(self.a.columns) {
                        // SAFETY: `share` gives these columns to this thread alone; the memory
                        // holds a block.
                        unsafe { self.straight_block(block.clone(), depth, panels) };
                    }
                    // SAFETY: as above.
                    finish(&mut unsafe { self.stripe(block) });
                }
            });
        });
    }

    /// # Safety
    /// The calling thread alone uses these columns of `c`; `panels` holds them × `depth`.
    unsafe fn straight_block(&self, columns: Range<usize>, depth: Range<usize>, panels: *mut f32) {
        let panel = |j: usize| panels.wrapping_add((j - columns.start) * depth.len());
        let gathered = panels.wrapping_add(COLUMNS * DEPTH);
        for rows in blocks(0..self.a.rows, ROWS) {
            // SAFETY: the caller's promise.
            let a = unsafe { self.gather(rows.clone(), &depth, gathered) };
            for (j, vectors) in self.panels(columns.clone(), MOST_VECTORS) {
                let valid = (vectors * self.kernels.lanes).min(columns.end - j);
                // SAFETY: the caller's promise.
                unsafe {
                    self.straight_panel(rows.clone(), j, vectors, valid, &depth, panel(j), a)
                };
            }
        }
    }

    /// Where to find `a`'s elements of a block. Of an `a` stored by columns, a block touches only a
    /// few lines of many pages, many in the same cache set: it is copied to `to` first.
    ///
    /// # Safety
    /// `to` holds the block.
    unsafe fn gather(&self, rows: Range<usize>, depth: &Range<usize>, to: *mut f32) -> Source {
        let Matrix { row_stride, column_stride, .. } = self.a;
        let start = rows.start * row_stride + depth.start * column_stride;
        let stored = Source {
            from: self.a.data.as_ptr().wrapping_add(start),
            column_stride: row_stride,
            depth_stride: column_stride,
        };
        if row_stride != 1 || column_stride < ROWS {
            return stored;
        }
        let width = rows.len().next_multiple_of(self.kernels.lanes);
        // SAFETY: the view was checked; `to` has room.
        unsafe { pack(self.kernels, stored, rows.len(), depth.len(), to, width) };
        Source { from: to, column_stride: 1, depth_stride: width }
    }

    /// Some rows of `a` times one panel, `valid` columns of `b` from column j. For the first rows
    /// the panel is packed: on the side, while the first tile works.
    ///
    /// # Safety
    /// As [`Self::straight_block`]; the rows come in ascending order.
    unsafe fn straight_panel(
        &self,
        rows: Range<usize>,
        j: usize,
        vectors: usize,
        valid: usize,
        depth: &Range<usize>,
        panel: *mut f32,
        a: Source,
    ) {
        let width = vectors * self.kernels.lanes;
        let source = Source {
            from: self.b.data.as_ptr().wrapping_add(depth.start * self.b.row_stride + j),
            column_stride: 1,
            depth_stride: self.b.row_stride,
        };
        if rows.start == 0 && valid < width {
            // SAFETY: the views were checked; the panel is within the caller's memory.
            unsafe { pack(self.kernels, source, valid, depth.len(), panel, width) };
        }
        let mut i = rows.start;
        while i < rows.end {
            let code = self.kernels.tile(vectors, rows.end - i);
            let tile = Tile {
                depth: depth.len(),
                a: a.from.wrapping_add((i - rows.start) * a.column_stride),
                a_row: a.column_stride,
                a_step: a.depth_stride,
                b: panel,
                c: self.c.wrapping_add(i * self.columns() + j),
                c_row: self.columns(),
                resume: depth.start > 0,
                ahead: Ahead::NOTHING,
            };
            // SAFETY: the views were checked, the code's rows are left, and the tile's columns
            // are in `c` or cut off.
            unsafe {
                if valid < width {
                    cut_tile(&tile, code, valid, width);
                } else if i == 0 {
                    (code.packing)(&tile, source.from, source.depth_stride);
                } else {
                    (code.plain)(&tile);
                }
            }
            i += code.rows;
        }
    }

    /// The product by tiles of `c` transposed: rows of `bᵀ` stay as they are stored, `aᵀ` is
    /// packed once by all threads.
    pub fn transposed(&self, team: &Team, finish: impl Fn(&mut Stripe<'_, f32>) + Sync) {
        let (rows, depth) = (self.a.rows, self.a.columns);
        with_common(rows.next_multiple_of(self.kernels.lanes) * depth, |panels| {
            let panels = Common(panels);
            self.pack_a(team, panels);
            self.share(team, |mine| {
                let panels = panels;
                with_own(COLUMNS * STAGED_STRIDE, |staged| {
                    for block in blocks(mine, COLUMNS) {
                        for rows in blocks(0..rows, STAGED_ROWS) {
                            // SAFETY: `share` gives these columns to this thread alone; the
                            // memory holds a block.
                            unsafe { self.staged_block(block.clone(), rows, panels.0, staged) };
                        }
                        // SAFETY: as above.
                        finish(&mut unsafe { self.stripe(block) });
                    }
                });
            });
        });
    }

    /// Packs all of `aᵀ`: the panel that starts with row i of `a` begins at i · depth.
    fn pack_a(&self, team: &Team, to: Common) {
        let depth = self.a.columns;
        let pack_part = |part: Range<usize>| {
            let to = to;
            let panels = blocks(0..self.a.rows, STAGED_ROWS)
                .flat_map(|rows| self.panels(rows, STAGED_VECTORS));
            for (i, vectors) in panels {
                let start = i * self.a.row_stride + part.start * self.a.column_stride;
                let source = Source {
                    from: self.a.data.as_ptr().wrapping_add(start),
                    column_stride: self.a.row_stride,
                    depth_stride: self.a.column_stride,
                };
                let width = vectors * self.kernels.lanes;
                let valid = width.min(self.a.rows - i);
                let panel = to.0.wrapping_add(i * depth + part.start * width);
                // SAFETY: the views were checked; parts of the depth are disjoint.
                unsafe { pack(self.kernels, source, valid, part.len(), panel, width) };
            }
        };
        if self.a.rows * depth < WORTH_SHARING / 8 {
            return pack_part(0..depth);
        }
        let threads = team.threads();
        team.run(|thread| pack_part(part(depth, STRIPE_GRAIN, threads, thread)));
    }

    /// Some columns of some rows of `c`, by way of `staged`, their transpose.
    ///
    /// # Safety
    /// The calling thread alone uses these columns of `c`; `panels` is packed, `staged` holds the
    /// block.
    unsafe fn staged_block(
        &self,
        columns: Range<usize>,
        rows: Range<usize>,
        panels: *mut f32,
        staged: *mut f32,
    ) {
        for depth in depth_blocks(self.a.columns) {
            for (i, vectors) in self.panels(rows.clone(), STAGED_VECTORS) {
                let to = staged.wrapping_add(i - rows.start);
                // SAFETY: the caller's promise.
                unsafe {
                    self.staged_panel(columns.clone(), &rows, i, vectors, &depth, panels, to)
                };
            }
        }
        let to = self.c.wrapping_add(rows.start * self.columns() + columns.start);
        let extents = [columns.len(), rows.len()];
        // SAFETY: the block is staged, and its place in `c` is this thread's.
        unsafe { transpose(self.kernels, staged, STAGED_STRIDE, extents, to, self.columns()) };
    }

    /// One panel of `aᵀ` times some columns of `b`, transposed.
    ///
    /// # Safety
    /// As [`Self::staged_block`].
    unsafe fn staged_panel(
        &self,
        columns: Range<usize>,
        rows: &Range<usize>,
        i: usize,
        vectors: usize,
        depth: &Range<usize>,
        panels: *mut f32,
        staged: *mut f32,
    ) {
        let width = vectors * self.kernels.lanes;
        let mut j = columns.start;
        while j < columns.end {
            let code = self.kernels.tile(vectors, columns.end - j);
            let a = j * self.b.column_stride + depth.start * self.b.row_stride;
            let next = if j + code.rows < columns.end {
                (j + code.rows) * self.b.column_stride + depth.start * self.b.row_stride
            } else {
                columns.start * self.b.column_stride + depth.end * self.b.row_stride
            };
            let ahead = Ahead {
                from: self.b.data.as_ptr().wrapping_add(next),
                lines: if i == rows.start { code.rows } else { 0 },
                line_step: self.b.column_stride,
                round_step: 16 * self.b.row_stride,
            };
            let tile = Tile {
                depth: depth.len(),
                a: self.b.data.as_ptr().wrapping_add(a),
                a_row: self.b.column_stride,
                a_step: self.b.row_stride,
                b: panels.wrapping_add(i * self.a.columns + depth.start * width),
                c: staged.wrapping_add((j - columns.start) * STAGED_STRIDE),
                c_row: STAGED_STRIDE,
                resume: depth.start > 0,
                ahead,
            };
            // SAFETY: the views were checked; the staged rows have room for whole vectors.
            unsafe { (code.plain)(&tile) };
            j += code.rows;
        }
    }

    /// First column and vectors of each panel of `columns`.
    fn panels(&self, columns: Range<usize>, most: usize) -> impl Iterator<Item = (usize, usize)> {
        let mut next = columns.start;
        std::iter::from_fn(move || {
            if next >= columns.end {
                return None;
            }
            let panel = (next, self.kernels.panel_vectors(columns.end - next, most));
            next += panel.1 * self.kernels.lanes;
            Some(panel)
        })
    }
}

/// `range` in pieces of `length`.
fn blocks(range: Range<usize>, length: usize) -> impl Iterator<Item = Range<usize>> {
    let end = range.end;
    range.step_by(length).map(move |start| start..end.min(start + length))
}

/// Nearly equal pieces of the depth; one empty piece of an empty depth, whose sums are zeros.
fn depth_blocks(depth: usize) -> impl Iterator<Item = Range<usize>> {
    let length = depth.div_ceil(depth.div_ceil(DEPTH).max(1)).next_multiple_of(16);
    blocks(0..depth.max(1), length.max(1)).map(move |block| block.start..block.end.min(depth))
}

/// A tile that reaches beyond the last column: only `valid` columns of it are written.
///
/// # Safety
/// As for the tile's code, with no more than these columns of `c`.
unsafe fn cut_tile(tile: &Tile, code: &TileCode, valid: usize, width: usize) {
    let mut whole = [0.0f32; MOST_ROWS * MOST_VECTORS * MOST_LANES];
    let inside = Tile { c: whole.as_mut_ptr(), c_row: width, ..*tile };
    for i in 0..code.rows {
        if tile.resume {
            // SAFETY: the caller's promise; `whole` holds the largest tile.
            unsafe {
                inside.c.add(i * width).copy_from_nonoverlapping(tile.c.add(i * tile.c_row), valid);
            }
        }
    }
    // SAFETY: as above.
    unsafe { (code.plain)(&inside) };
    for i in 0..code.rows {
        // SAFETY: as above.
        unsafe {
            tile.c.add(i * tile.c_row).copy_from_nonoverlapping(inside.c.add(i * width), valid);
        }
    }
}

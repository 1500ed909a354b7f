//! Sums over the rows of a matrix, even if it has few columns.
//!
//! Normally threads and vector lanes divide the columns. A matrix with few columns and many rows (the
//! channels of images and their pixels) would leave most of them idle. Such a matrix is folded: several
//! neighbouring rows are treated as one wide row, and threads process parts of the rows, whose sums
//! are added at the end. The number of parts depends only on the extents, so a sum has the same order,
//! and the same bits, for every number of threads.

use std::ops::Range;

use super::simd::vectorized;
use super::{Cpu, CpuReal};

/// Width of a folded row: enough for vectors.
const WIDE: usize = 256;
/// A matrix with at least this many rows is folded.
const MANY_ROWS: usize = 2048;
/// Fewest elements of a part.
const PART: usize = 64 * 1024;
/// Most parts.
const MAX_PARTS: usize = 64;

/// The extents of a matrix with folded rows.
#[derive(Clone, Copy)]
pub(super) struct FoldedRows {
    /// Columns of the matrix.
    pub columns: usize,
    /// Columns of a wide row.
    pub wide: usize,
    /// Complete wide rows.
    rows: usize,
    /// Wide rows of a part.
    part: usize,
    /// Remaining rows of the matrix.
    rest: usize,
}

impl FoldedRows {
    pub fn new(rows: usize, columns: usize) -> Self {
        if rows < MANY_ROWS {
            return Self { columns, wide: columns, rows, part: rows, rest: 0 };
        }
        let fold = (WIDE / columns).max(1);
        let (wide, rows, rest) = (fold * columns, rows / fold, rows % fold);
        let part = rows.div_ceil(MAX_PARTS).max(PART / wide).max(1);
        Self { columns, wide, rows, part, rest }
    }

    /// Number of partial sums: for each part and wide column.
    pub fn sums(&self) -> usize {
        self.parts() * self.wide
    }

    fn parts(&self) -> usize {
        self.rows.div_ceil(self.part.max(1)).max(1)
    }

    /// The wide rows of a part.
    fn rows_of(&self, part: usize) -> Range<usize> {
        part * self.part..self.rows.min((part + 1) * self.part)
    }

    /// Elements of all complete wide rows.
    fn body(&self) -> usize {
        self.rows * self.wide
    }

    /// The element ranges of the remaining rows, which add to the first `columns` sums.
    fn rest(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (body, columns) = (self.body(), self.columns);
        (0..self.rest).map(move |row| body + row * columns..body + (row + 1) * columns)
    }

    /// Reduces the partial sums to the sums of the matrix's columns.
    fn reduce<T: CpuReal>(&self, sums: &mut [T]) {
        let (wide, parts) = sums.split_at_mut(self.wide);
        parts.chunks_exact(self.wide).for_each(|part| add(wide, part));
        let (first, others) = wide.split_at_mut(self.columns);
        others.chunks_exact(self.columns).for_each(|other| add(first, other));
    }

    /// Repeats the first `columns` sums over the whole wide row.
    pub fn broadcast<T: CpuReal>(&self, sums: &mut [T]) {
        let (first, others) = sums[..self.wide].split_at_mut(self.columns);
        others.chunks_exact_mut(self.columns).for_each(|other| other.copy_from_slice(first));
    }

    /// Repeats a vector with an element per column over the wide row.
    pub fn repeat<T: CpuReal>(&self, wide: &mut [T], vector: &[T]) {
        let wide = wide[..self.wide].chunks_exact_mut(self.columns);
        wide.for_each(|wide| wide.copy_from_slice(vector));
    }
}

fn add<T: CpuReal>(sums: &mut [T], others: &[T]) {
    sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
}

/// Writes sums to a gradient, or accumulates them.
pub(super) fn store<T: CpuReal>(gradient: &mut [T], sums: &[T], accumulate: bool) {
    if !accumulate {
        return gradient.copy_from_slice(sums);
    }
    add(gradient, sums);
}

impl<T: CpuReal> Cpu<T> {
    /// Sums over rows, to the first elements of `sums`, whose length is [`FoldedRows::sums`].
    /// `add(sums, column, at)` adds the elements from `at` on to the sums of the columns from `column`
    /// on.
    pub(super) fn sum_rows(
        &self,
        folded: &FoldedRows,
        sums: &mut [T],
        add: impl Fn(&mut [T], usize, usize) + Sync,
    ) {
        let wide = folded.wide;
        let sum = |sums: &mut [T], first: usize, rows: Range<usize>| {
            vectorized(
                #[inline(always)]
                || {
                    sums.fill(T::ZERO);
                    for row in rows {
                        add(sums, first, row * wide + first);
                    }
                },
            );
        };
        match folded.parts() {
            1 => self.pool.columns(folded.body(), wide, [&mut sums[..wide]], |columns, [sums]| {
                sum(sums, columns.start, 0..folded.rows);
            }),
            _ => self.pool.parts((&mut [], 0), [&mut *sums], wide, |part, _, [sums]| {
                sum(sums, 0, folded.rows_of(part));
            }),
        }
        folded.rest().for_each(|row| add(&mut sums[..folded.columns], 0, row.start));
        folded.reduce(sums);
    }

    /// Calls `work(elements, column, at)` for all elements of a matrix, some columns of a row at a
    /// time, which start at wide column `column` and element `at`.
    pub(super) fn each_row(
        &self,
        folded: &FoldedRows,
        matrix: &mut [T],
        work: impl Fn(&mut [T], usize, usize) + Sync,
    ) {
        let wide = folded.wide;
        let (body, rest) = matrix.split_at_mut(folded.body());
        match folded.parts() {
            1 => self.pool.column_blocks(body, wide, |mut block| {
                let first = block.first_column();
                vectorized(
                    #[inline(always)]
                    || {
                        for row in 0..folded.rows {
                            work(block.row(row), first, row * wide + first);
                        }
                    },
                );
            }),
            _ => self.pool.chunks(body, wide, |at, rows| {
                vectorized(
                    #[inline(always)]
                    || {
                        for (row, numbers) in rows.chunks_exact_mut(wide).enumerate() {
                            work(numbers, 0, at + row * wide);
                        }
                    },
                );
            }),
        }
        let rows = rest.chunks_exact_mut(folded.columns).zip(folded.rest());
        rows.for_each(|(numbers, row)| work(numbers, 0, row.start));
    }

    /// Like [`Cpu::each_row`] with sums: `work` also gets the columns' partial sums. At the end the
    /// first elements of `sums` are the sums of the matrix's columns.
    pub(super) fn sum_each_row<const N: usize>(
        &self,
        folded: &FoldedRows,
        matrix: &mut [T],
        mut sums: [&mut [T]; N],
        work: impl Fn(&mut [T], &mut [&mut [T]; N], usize, usize) + Sync,
    ) {
        let wide = folded.wide;
        let (body, rest) = matrix.split_at_mut(folded.body());
        let all = sums.each_mut().map(|sums| &mut **sums);
        match folded.parts() {
            1 => {
                let all = all.map(|sums| &mut sums[..wide]);
                self.pool.column_blocks_with(body, wide, all, |mut block, mut sums| {
                    let first = block.first_column();
                    vectorized(
                        #[inline(always)]
                        || {
                            sums.iter_mut().for_each(|sums| sums.fill(T::ZERO));
                            for row in 0..folded.rows {
                                work(block.row(row), &mut sums, first, row * wide + first);
                            }
                        },
                    );
                });
            }
            _ => self.pool.parts((body, folded.part * wide), all, wide, |part, rows, mut sums| {
                let first = folded.rows_of(part).start * wide;
                vectorized(
                    #[inline(always)]
                    || {
                        sums.iter_mut().for_each(|sums| sums.fill(T::ZERO));
                        for (row, numbers) in rows.chunks_exact_mut(wide).enumerate() {
                            work(numbers, &mut sums, 0, first + row * wide);
                        }
                    },
                );
            }),
        }
        for (numbers, row) in rest.chunks_exact_mut(folded.columns).zip(folded.rest()) {
            let mut sums = sums.each_mut().map(|sums| &mut sums[..folded.columns]);
            work(numbers, &mut sums, 0, row.start);
        }
        sums.into_iter().for_each(|sums| folded.reduce(sums));
    }
}

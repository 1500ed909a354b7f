//! Sums over the rows of a matrix, of few columns too.
//!
//! Threads divide columns, and vectors hold neighbouring ones. A matrix of few columns and many rows (an
//! image's channels and its pixels) would leave most of them idle. Some neighbouring rows are taken as
//! one wide row then, and threads take parts of the rows, whose sums are added up in the end. How many
//! follows from the extents alone, so that a sum has the same order, and the same bits, for every number
//! of threads.

use std::ops::Range;

use super::simd::vectorized;
use super::{Cpu, CpuReal};

/// Columns that are wide enough for vectors.
const WIDE: usize = 256;
/// Rows that a matrix has at least for them to be folded.
const MANY_ROWS: usize = 2048;
/// Numbers of a part, unless there are many.
const PART: usize = 64 * 1024;
/// Most parts.
const MOST_PARTS: usize = 64;

/// A matrix whose rows are taken together.
#[derive(Clone, Copy)]
pub(super) struct Folded {
    /// Columns of the matrix.
    pub columns: usize,
    /// Columns of a wide row.
    pub wide: usize,
    /// Whole wide rows, and those of a part.
    rows: usize,
    part: usize,
    /// Rows behind them.
    rest: usize,
}

impl Folded {
    pub fn new(rows: usize, columns: usize) -> Self {
        if rows < MANY_ROWS {
            return Self { columns, wide: columns, rows, part: rows, rest: 0 };
        }
        let fold = (WIDE / columns).max(1);
        let (wide, rows, rest) = (fold * columns, rows / fold, rows % fold);
        let part = rows.div_ceil(MOST_PARTS).max(PART / wide).max(1);
        Self { columns, wide, rows, part, rest }
    }

    /// Room for the sums of wide columns, of each part.
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

    /// Numbers of whole wide rows.
    fn body(&self) -> usize {
        self.rows * self.wide
    }

    /// Where the rows behind the wide ones are, of whose columns the sums are the first ones.
    fn rest(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (body, columns) = (self.body(), self.columns);
        (0..self.rest).map(move |row| body + row * columns..body + (row + 1) * columns)
    }

    /// Adds the sums of parts and of wide columns up, to those of the matrix's columns.
    fn add_up<T: CpuReal>(&self, sums: &mut [T]) {
        let (wide, parts) = sums.split_at_mut(self.wide);
        parts.chunks_exact(self.wide).for_each(|part| add(wide, part));
        let (first, others) = wide.split_at_mut(self.columns);
        others.chunks_exact(self.columns).for_each(|other| add(first, other));
    }

    /// Repeats the first places of wide sums in all others.
    pub fn spread<T: CpuReal>(&self, sums: &mut [T]) {
        let (first, others) = sums[..self.wide].split_at_mut(self.columns);
        others.chunks_exact_mut(self.columns).for_each(|other| other.copy_from_slice(first));
    }

    /// Repeats a vector of an element a column for the wide ones.
    pub fn repeat<T: CpuReal>(&self, wide: &mut [T], vector: &[T]) {
        let wide = wide[..self.wide].chunks_exact_mut(self.columns);
        wide.for_each(|wide| wide.copy_from_slice(vector));
    }
}

fn add<T: CpuReal>(sums: &mut [T], others: &[T]) {
    sums.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
}

/// Writes sums to a gradient, or adds them to what is there.
pub(super) fn store<T: CpuReal>(gradient: &mut [T], sums: &[T], accumulate: bool) {
    if !accumulate {
        return gradient.copy_from_slice(sums);
    }
    add(gradient, sums);
}

impl<T: CpuReal> Cpu<T> {
    /// Sums over rows to the first of `sums`, which has [`Folded::sums`] places. `add` adds the numbers of
    /// a row that begin at an element to the sums of columns that begin at another.
    pub(super) fn sum_rows(
        &self,
        folded: &Folded,
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
            1 => self.team.columns(folded.body(), wide, [&mut sums[..wide]], |columns, [sums]| {
                sum(sums, columns.start, 0..folded.rows);
            }),
            _ => self.team.parts((&mut [], 0), [&mut *sums], wide, |part, _, [sums]| {
                sum(sums, 0, folded.rows_of(part));
            }),
        }
        folded.rest().for_each(|row| add(&mut sums[..folded.columns], 0, row.start));
        folded.add_up(sums);
    }

    /// Calls `work` with all numbers of a matrix, some columns of a row after the other: the numbers, the
    /// wide column and the element that they begin at.
    pub(super) fn each_row(
        &self,
        folded: &Folded,
        matrix: &mut [T],
        work: impl Fn(&mut [T], usize, usize) + Sync,
    ) {
        let wide = folded.wide;
        let (body, rest) = matrix.split_at_mut(folded.body());
        match folded.parts() {
            1 => self.team.stripes(body, wide, |mut stripe| {
                let first = stripe.first_column();
                vectorized(
                    #[inline(always)]
                    || {
                        for row in 0..folded.rows {
                            work(stripe.row(row), first, row * wide + first);
                        }
                    },
                );
            }),
            _ => self.team.chunks(body, wide, |at, rows| {
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

    /// As [`Cpu::each_row`], for work that sums up besides: `work` gets the columns' sums too. The
    /// matrix's columns have theirs in the first places of `sums` in the end.
    pub(super) fn sum_each_row<const N: usize>(
        &self,
        folded: &Folded,
        matrix: &mut [T],
        mut sums: [&mut [T]; N],
        work: impl Fn(&mut [T], [&mut [T]; N], usize, usize) + Sync,
    ) {
        let wide = folded.wide;
        let (body, rest) = matrix.split_at_mut(folded.body());
        let all = sums.each_mut().map(|sums| &mut **sums);
        match folded.parts() {
            1 => {
                let all = all.map(|sums| &mut sums[..wide]);
                self.team.stripes_with(body, wide, all, |mut stripe, mut sums| {
                    let first = stripe.first_column();
                    vectorized(
                        #[inline(always)]
                        || {
                            sums.iter_mut().for_each(|sums| sums.fill(T::ZERO));
                            for row in 0..folded.rows {
                                let sums = sums.each_mut().map(|sums| &mut **sums);
                                work(stripe.row(row), sums, first, row * wide + first);
                            }
                        },
                    );
                });
            }
            _ => self.team.parts((body, folded.part * wide), all, wide, |part, rows, mut sums| {
                let first = folded.rows_of(part).start * wide;
                vectorized(
                    #[inline(always)]
                    || {
                        sums.iter_mut().for_each(|sums| sums.fill(T::ZERO));
                        for (row, numbers) in rows.chunks_exact_mut(wide).enumerate() {
                            let sums = sums.each_mut().map(|sums| &mut **sums);
                            work(numbers, sums, 0, first + row * wide);
                        }
                    },
                );
            }),
        }
        for (numbers, row) in rest.chunks_exact_mut(folded.columns).zip(folded.rest()) {
            let sums = sums.each_mut().map(|sums| &mut sums[..folded.columns]);
            work(numbers, sums, 0, row.start);
        }
        sums.into_iter().for_each(|sums| folded.add_up(sums));
    }
}

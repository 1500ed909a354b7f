//! Sums over the rows of a matrix, of few columns too.
//!
//! Threads divide columns, and vectors hold neighbouring ones. A matrix of few columns and many rows (an
//! image's channels and its pixels) would leave most of them idle: some neighbouring rows are taken as
//! one wide row then, and the wide columns' sums added up in the end. How many follows from the extents
//! alone, so that a sum has the same order, and the same bits, for every number of threads.

use std::ops::Range;

use super::simd::vectorized;
use super::{Cpu, CpuReal};

/// Columns that are wide enough.
const WIDE: usize = 2048;
/// Rows that a matrix has at least for them to be folded.
const MANY_ROWS: usize = 2048;

/// A matrix whose rows are taken together.
#[derive(Clone, Copy)]
pub(super) struct Folded {
    /// Columns of the matrix.
    pub columns: usize,
    /// Columns of a wide row.
    pub wide: usize,
    /// Whole wide rows.
    pub rows: usize,
    /// Rows behind them.
    rest: usize,
}

impl Folded {
    pub fn new(rows: usize, columns: usize) -> Self {
        let fold = if rows < MANY_ROWS { 1 } else { (WIDE / columns).max(1) };
        Self { columns, wide: fold * columns, rows: rows / fold, rest: rows % fold }
    }

    /// Numbers of whole wide rows.
    pub fn body(&self) -> usize {
        self.rows * self.wide
    }

    /// Where the rows behind the wide ones are, of whose columns the sums are the first ones.
    pub fn rest(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (body, columns) = (self.body(), self.columns);
        (0..self.rest).map(move |row| body + row * columns..body + (row + 1) * columns)
    }

    /// Adds the sums of wide columns up, to those of the matrix's columns.
    pub fn add_up<T: CpuReal>(&self, sums: &mut [T]) {
        let (first, others) = sums.split_at_mut(self.columns);
        for others in others.chunks_exact(self.columns) {
            first.iter_mut().zip(others).for_each(|(sum, &other)| *sum += other);
        }
    }

    /// Repeats the first places of wide sums in all others.
    pub fn spread<T: CpuReal>(&self, sums: &mut [T]) {
        let (first, others) = sums.split_at_mut(self.columns);
        others.chunks_exact_mut(self.columns).for_each(|other| other.copy_from_slice(first));
    }

    /// Repeats a vector of an element a column for the wide ones.
    pub fn repeat<T: CpuReal>(&self, wide: &mut [T], vector: &[T]) {
        wide.chunks_exact_mut(self.columns).for_each(|wide| wide.copy_from_slice(vector));
    }
}

/// Writes sums to a gradient, or adds them to what is there.
pub(super) fn store<T: CpuReal>(gradient: &mut [T], sums: &[T], accumulate: bool) {
    if !accumulate {
        return gradient.copy_from_slice(sums);
    }
    gradient.iter_mut().zip(sums).for_each(|(gradient, &sum)| *gradient += sum);
}

impl<T: CpuReal> Cpu<T> {
    /// Sums over rows to the first of `sums`, which has a place for each wide column. `add` adds the
    /// numbers of a row that begin at an element to the sums of columns that begin at another.
    pub(super) fn sum_rows(
        &self,
        folded: &Folded,
        sums: &mut [T],
        add: impl Fn(&mut [T], usize, usize) + Sync,
    ) {
        let Folded { wide, rows, .. } = *folded;
        self.team.columns(folded.body(), wide, [&mut *sums], |columns, [sums]| {
            vectorized(
                #[inline(always)]
                || {
                    sums.fill(T::ZERO);
                    for row in 0..rows {
                        add(sums, columns.start, row * wide + columns.start);
                    }
                },
            );
        });
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
        let (body, rest) = matrix.split_at_mut(folded.body());
        self.team.stripes(body, folded.wide, |mut stripe| {
            let first = stripe.first_column();
            vectorized(
                #[inline(always)]
                || {
                    for row in 0..folded.rows {
                        work(stripe.row(row), first, row * folded.wide + first);
                    }
                },
            );
        });
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
        let (body, rest) = matrix.split_at_mut(folded.body());
        let parts = sums.each_mut().map(|sums| &mut **sums);
        self.team.stripes_with(body, folded.wide, parts, |mut stripe, mut sums| {
            let first = stripe.first_column();
            vectorized(
                #[inline(always)]
                || {
                    sums.iter_mut().for_each(|sums| sums.fill(T::ZERO));
                    for row in 0..folded.rows {
                        let sums = sums.each_mut().map(|sums| &mut **sums);
                        work(stripe.row(row), sums, first, row * folded.wide + first);
                    }
                },
            );
        });
        for (numbers, row) in rest.chunks_exact_mut(folded.columns).zip(folded.rest()) {
            let sums = sums.each_mut().map(|sums| &mut sums[..folded.columns]);
            work(numbers, sums, 0, row.start);
        }
        sums.into_iter().for_each(|sums| folded.add_up(sums));
    }
}

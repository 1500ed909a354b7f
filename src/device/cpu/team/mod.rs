//! A standing team of threads that share one operation's work.
//!
//! It owns the threads and the ways to split a buffer into disjoint parts: contiguous chunks, and
//! stripes of columns. What an operation computes never depends on the split, so the results are
//! the same bits for every number of threads. Nothing here allocates once a team stands.
#![allow(unsafe_code)]
use super::scratch::Scratch;
use std::cell::{RefCell, RefMut};
use std::marker::PhantomData;
use std::ops::Range;

mod crew;
mod pieces;
#[cfg(test)]
mod tests;

use crew::Crew;
pub(super) use pieces::Pieces;

/// Fewer elements than this are left to the calling thread. A chosen bound: 8192 elements take
/// some 2 µs; a hand-over takes 0.4 µs (measured), and half of the elements must then travel
/// between the cores.
const WORTH_SHARING: usize = 8 * 1024;

/// Elements of the smallest piece that a thread takes from an operation's work.
const WORTH_TAKING: usize = 4 * 1024;

/// Columns that stay together in one stripe: 64 bytes of `f32`, so that two threads never write
/// to one cache line of an aligned row.
pub(super) const STRIPE_GRAIN: usize = 16;

/// A team of threads, the calling thread among them.
pub(crate) struct Team {
    crew: Crew,
    scratch: RefCell<Scratch>,
}

/// A vertical stripe of a row-major matrix: some columns of all its rows.
pub(crate) struct Stripe<'a, T> {
    /// The stripe's first element in row 0.
    data: *mut T,
    rows: usize,
    first: usize,
    columns: usize,
    /// Elements from one row to the next.
    stride: usize,
    _matrix: PhantomData<&'a mut [T]>,
}

// SAFETY: a stripe stands for `&mut` borrows of its elements, which nothing else refers to.
unsafe impl<T: Send> Send for Stripe<'_, T> {}

impl<T> Stripe<'_, T> {
    /// The columns `columns` of the matrix of `rows` rows that starts at `matrix`.
    ///
    /// # Safety
    /// The rows lie `stride` apart in one live allocation, and for `'a` nothing else refers to
    /// these columns.
    pub(super) unsafe fn new(
        matrix: *mut T,
        rows: usize,
        stride: usize,
        columns: Range<usize>,
    ) -> Self {
        let (first, columns) = (columns.start, columns.len());
        Self {
            data: matrix.wrapping_add(first),
            rows,
            first,
            columns,
            stride,
            _matrix: PhantomData,
        }
    }

    /// The matrix's column that the stripe begins at.
    pub fn first_column(&self) -> usize {
        self.first
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// The stripe's part of row `i`.
    pub fn row(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.rows, "row {i} of a stripe with {} rows", self.rows);
        // SAFETY: `new` was promised these elements; `&mut self` keeps the rows' borrows apart.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.stride), self.columns) }
    }
}

/// A pointer that threads may share; they use disjoint parts of what it points to.
struct Shared<T>(*mut T);

// SAFETY: every use hands each element to at most one thread.
unsafe impl<T: Send> Sync for Shared<T> {}

impl<T> Shared<T> {
    /// # Safety
    /// `range` lies within the borrowed slice and overlaps no other thread's range.
    unsafe fn part<'a>(&self, range: Range<usize>) -> &'a mut [T] {
        // SAFETY: the caller's promise.
        unsafe { std::slice::from_raw_parts_mut(self.0.add(range.start), range.len()) }
    }
}

impl Team {
    /// A team of `threads` threads (at least 1).
    pub fn new(threads: usize) -> Self {
        Self { crew: Crew::new(threads.max(1) - 1), scratch: RefCell::default() }
    }

    /// How many threads share the work.
    pub fn threads(&self) -> usize {
        self.crew.threads()
    }

    /// Working memory of the threads, kept from one operation to the next.
    pub(super) fn scratch(&self) -> RefMut<'_, Scratch> {
        self.scratch.borrow_mut()
    }

    /// Calls `work(thread)` once for each thread's number and waits for all. The calls run at the
    /// same time if they can, but must not wait for each other: the calling thread makes those
    /// that no other thread has begun. A panic continues here after all calls have ended.
    pub fn run(&self, work: impl Fn(usize) + Sync) {
        self.crew.run(work);
    }

    /// Splits `out` into one contiguous chunk a thread, each but the last a multiple of
    /// `granularity` long; calls `work(offset, chunk)`.
    pub fn chunks<T: Send>(
        &self,
        out: &mut [T],
        granularity: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let length = out.len();
        let out = Shared(out.as_mut_ptr());
        self.share(length, length, granularity, |range| {
            // SAFETY: `share` gives out disjoint ranges within the slice.
            work(range.start, unsafe { out.part(range.clone()) });
        });
    }

    /// As [`Team::chunks`], for three slices of one length.
    pub fn chunks3<T: Send>(
        &self,
        out: [&mut [T]; 3],
        granularity: usize,
        work: impl Fn(usize, [&mut [T]; 3]) + Sync,
    ) {
        let length = out[0].len();
        assert!(out.iter().all(|slice| slice.len() == length), "slices of different lengths");
        let out = out.map(|slice| Shared(slice.as_mut_ptr()));
        self.share(length, length, granularity, |range| {
            // SAFETY: `share` gives out disjoint ranges within each of the slices, and those do
            // not overlap.
            work(range.start, out.each_ref().map(|slice| unsafe { slice.part(range.clone()) }));
        });
    }

    /// Splits the columns of the row-major matrix `out`, `columns` wide, among the threads.
    pub fn stripes<T: Send>(
        &self,
        out: &mut [T],
        columns: usize,
        work: impl Fn(Stripe<'_, T>) + Sync,
    ) {
        self.stripes_with(out, columns, [], |stripe, []| work(stripe));
    }

    /// As [`Team::stripes`]; `vectors`, each with an element a column, are split along.
    pub fn stripes_with<T: Send, const N: usize>(
        &self,
        out: &mut [T],
        columns: usize,
        vectors: [&mut [T]; N],
        work: impl Fn(Stripe<'_, T>, [&mut [T]; N]) + Sync,
    ) {
        assert!(columns > 0 && out.len().is_multiple_of(columns), "not rows of {columns} columns");
        let (elements, rows) = (out.len(), out.len() / columns);
        let out = Shared(out.as_mut_ptr());
        self.columns(elements, columns, vectors, |range, parts| {
            let matrix = &out;
            // SAFETY: ranges of columns are disjoint.
            work(unsafe { Stripe::new(matrix.0, rows, columns, range) }, parts);
        });
    }

    /// Splits `vectors`, each with an element a column, for work on a matrix of so many elements; calls
    /// `work(columns, parts)`.
    pub fn columns<T: Send, const N: usize>(
        &self,
        elements: usize,
        columns: usize,
        vectors: [&mut [T]; N],
        work: impl Fn(Range<usize>, [&mut [T]; N]) + Sync,
    ) {
        assert!(vectors.iter().all(|vector| vector.len() == columns), "not an element a column");
        let vectors = vectors.map(|vector| Shared(vector.as_mut_ptr()));
        self.share(elements, columns, STRIPE_GRAIN, |range| {
            // SAFETY: `share` gives out disjoint ranges of the columns, and the vectors do not overlap.
            let parts = vectors.each_ref().map(|vector| unsafe { vector.part(range.clone()) });
            work(range, parts);
        });
    }

    /// Calls `work(part, rows, sums)` for parts of a matrix, of `len` numbers each or what is left of it,
    /// with as many of the `sums` each time, `wide` numbers of every vector.
    pub fn parts<T: Send, const N: usize>(
        &self,
        (matrix, len): (&mut [T], usize),
        sums: [&mut [T]; N],
        wide: usize,
        work: impl Fn(usize, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        let parts = sums[0].len() / wide;
        assert!(sums.iter().all(|sums| sums.len() == parts * wide), "not as many sums a part");
        let end = matrix.len();
        let matrix = Shared(matrix.as_mut_ptr());
        let sums = sums.map(|sums| Shared(sums.as_mut_ptr()));
        let pieces = Pieces::new(parts, 1, usize::MAX, self.threads());
        self.run(|_| {
            let matrix = &matrix;
            for part in (&pieces).flatten() {
                let rows = (part * len).min(end)..((part + 1) * len).min(end);
                // SAFETY: each part is one thread's; those of the matrix, and of a vector, are disjoint.
                unsafe {
                    let sums = sums.each_ref().map(|all| all.part(part * wide..(part + 1) * wide));
                    work(part, matrix.part(rows), sums);
                }
            }
        });
    }

    /// Calls `work` on disjoint ranges that cover `0..length`, their inner bounds multiples of
    /// `grain`; on one range only when there are few `elements`.
    fn share(
        &self,
        elements: usize,
        length: usize,
        grain: usize,
        work: impl Fn(Range<usize>) + Sync,
    ) {
        if elements < WORTH_SHARING || length <= grain || self.threads() == 1 {
            return work(0..length);
        }
        let least = (WORTH_TAKING * length / elements).next_multiple_of(grain).max(grain);
        let pieces = Pieces::new(length, least, usize::MAX, self.threads());
        self.run(|_| (&pieces).for_each(&work));
    }
}

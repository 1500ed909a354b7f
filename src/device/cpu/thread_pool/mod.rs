//! A persistent thread pool that parallelizes operations.
//!
//! It owns the threads, and splits buffers into disjoint parts: contiguous chunks, or column blocks
//! of a matrix. The result of an operation never depends on the split, so it has the same bits for
//! every number of threads. Nothing is allocated after the pool has been created.
#![allow(unsafe_code)]
use super::scratch::Scratch;
use std::cell::{RefCell, RefMut};
use std::marker::PhantomData;
use std::ops::Range;

#[cfg(test)]
mod tests;
mod work_queue;
mod workers;

pub(super) use work_queue::WorkQueue;
use workers::Workers;

/// Fewer elements than this are processed by the calling thread alone: 8192 elements take about
/// 2 µs; dispatching takes 0.4 µs (measured), and half of the elements must then be transferred
/// between cores.
const PARALLEL_THRESHOLD: usize = 8 * 1024;

/// Fewest elements that a thread takes from the work queue.
const MIN_PIECE: usize = 4 * 1024;

/// Column blocks start at multiples of this: 64 bytes of `f32`, so that two threads never write to
/// the same cache line of an aligned row.
pub(super) const COLUMN_GRAIN: usize = 16;

/// A pool of threads, including the calling thread.
pub(crate) struct ThreadPool {
    workers: Workers,
    scratch: RefCell<Scratch>,
}

/// A column block of a row-major matrix: a range of columns, all rows or consecutive ones.
pub(crate) struct ColumnBlock<'a, T> {
    /// The block's first element.
    data: *mut T,
    first_row: usize,
    rows: usize,
    first: usize,
    columns: usize,
    /// Elements from one row to the next.
    stride: usize,
    _matrix: PhantomData<&'a mut [T]>,
}

// SAFETY: a block represents `&mut` borrows of its elements, which nothing else refers to.
unsafe impl<T: Send> Send for ColumnBlock<'_, T> {}

impl<T> ColumnBlock<'_, T> {
    /// The columns `columns` of the matrix with `rows` rows that starts at `matrix`.
    ///
    /// # Safety
    /// The rows are `stride` elements apart in one live allocation, and nothing else refers to these
    /// columns during `'a`.
    pub(super) unsafe fn new(
        matrix: *mut T,
        rows: usize,
        stride: usize,
        columns: Range<usize>,
    ) -> Self {
        let (first, columns) = (columns.start, columns.len());
        Self {
            data: matrix.wrapping_add(first),
            first_row: 0,
            rows,
            first,
            columns,
            stride,
            _matrix: PhantomData,
        }
    }

    /// The same block, of a matrix whose first row is this one of a larger matrix.
    pub(super) fn at_row(self, first_row: usize) -> Self {
        Self { first_row, ..self }
    }

    /// The matrix row at which the block starts.
    pub fn first_row(&self) -> usize {
        self.first_row
    }

    /// The matrix column at which the block starts.
    pub fn first_column(&self) -> usize {
        self.first
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Copies the block's part of a row to that of another.
    pub fn copy_row(&mut self, from: usize, to: usize) {
        assert!(from.max(to) < self.rows, "row {} of {} rows", from.max(to), self.rows);
        let (from, to) = (from * self.stride, to * self.stride);
        // SAFETY: `new`'s caller promised both rows' elements; the rows may be the same.
        unsafe { std::ptr::copy(self.data.add(from), self.data.add(to), self.columns) };
    }

    /// Row `i` of the block.
    pub fn row(&mut self, i: usize) -> &mut [T] {
        assert!(i < self.rows, "row {i} of a block with {} rows", self.rows);
        // SAFETY: `new`'s caller promised these elements; `&mut self` keeps borrows of rows disjoint.
        unsafe { std::slice::from_raw_parts_mut(self.data.add(i * self.stride), self.columns) }
    }
}

/// A pointer that threads may share; they use disjoint parts of the slice.
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

impl ThreadPool {
    /// A pool of `threads` threads (at least 1).
    pub fn new(threads: usize) -> Self {
        Self { workers: Workers::new(threads.max(1) - 1), scratch: RefCell::default() }
    }

    /// Number of threads.
    pub fn threads(&self) -> usize {
        self.workers.threads()
    }

    /// Scratch memory of the threads, reused between operations.
    pub(super) fn scratch(&self) -> RefMut<'_, Scratch> {
        self.scratch.borrow_mut()
    }

    /// Calls `work(thread)` once for each thread index and waits for all of them. The calls may run
    /// concurrently, but must not wait for each other: the calling thread runs those that no other
    /// thread has started. A panic is propagated after all calls have finished.
    pub fn run(&self, work: impl Fn(usize) + Sync) {
        self.workers.run(work);
    }

    /// Splits `out` into contiguous chunks whose lengths, except the last, are multiples of
    /// `granularity`; calls `work(offset, chunk)`.
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

    /// Like [`ThreadPool::chunks`] for three slices of the same length.
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
            // SAFETY: `share` gives out disjoint ranges within each slice, and the slices do not
            // overlap.
            work(range.start, out.each_ref().map(|slice| unsafe { slice.part(range.clone()) }));
        });
    }

    /// Splits the row-major matrix `out` with `columns` columns into column blocks.
    pub fn column_blocks<T: Send>(
        &self,
        out: &mut [T],
        columns: usize,
        work: impl Fn(ColumnBlock<'_, T>) + Sync,
    ) {
        self.column_blocks_with(out, columns, [], |block, []| work(block));
    }

    /// Like [`ThreadPool::column_blocks`]; `vectors`, each with an element per column, are split too.
    pub fn column_blocks_with<T: Send, const N: usize>(
        &self,
        out: &mut [T],
        columns: usize,
        vectors: [&mut [T]; N],
        work: impl Fn(ColumnBlock<'_, T>, [&mut [T]; N]) + Sync,
    ) {
        assert!(columns > 0 && out.len().is_multiple_of(columns), "not rows of {columns} columns");
        let (elements, rows) = (out.len(), out.len() / columns);
        let out = Shared(out.as_mut_ptr());
        self.columns(elements, columns, vectors, |range, parts| {
            let matrix = &out;
            // SAFETY: ranges of columns are disjoint.
            work(unsafe { ColumnBlock::new(matrix.0, rows, columns, range) }, parts);
        });
    }

    /// Splits `vectors`, each with an element per column, for work on a matrix with `elements`
    /// elements; calls `work(columns, parts)`.
    pub fn columns<T: Send, const N: usize>(
        &self,
        elements: usize,
        columns: usize,
        vectors: [&mut [T]; N],
        work: impl Fn(Range<usize>, [&mut [T]; N]) + Sync,
    ) {
        assert!(vectors.iter().all(|vector| vector.len() == columns), "not an element per column");
        let vectors = vectors.map(|vector| Shared(vector.as_mut_ptr()));
        self.share(elements, columns, COLUMN_GRAIN, |range| {
            // SAFETY: `share` gives out disjoint ranges of the columns, and the vectors do not overlap.
            let parts = vectors.each_ref().map(|vector| unsafe { vector.part(range.clone()) });
            work(range, parts);
        });
    }

    /// Splits a matrix into parts of `len` elements, and each vector of `sums` into as many parts of
    /// `wide` elements; calls `work(part, rows, sums)`.
    pub fn parts<T: Send, const N: usize>(
        &self,
        (matrix, len): (&mut [T], usize),
        sums: [&mut [T]; N],
        wide: usize,
        work: impl Fn(usize, &mut [T], [&mut [T]; N]) + Sync,
    ) {
        let parts = sums[0].len() / wide;
        assert!(
            sums.iter().all(|sums| sums.len() == parts * wide),
            "parts with different numbers of sums"
        );
        let end = matrix.len();
        let matrix = Shared(matrix.as_mut_ptr());
        let sums = sums.map(|sums| Shared(sums.as_mut_ptr()));
        let pieces = WorkQueue::new(parts, 1, usize::MAX, self.threads());
        self.run(|_| {
            let matrix = &matrix;
            for part in (&pieces).flatten() {
                let rows = (part * len).min(end)..((part + 1) * len).min(end);
                // SAFETY: each part is given to one thread; parts of the matrix, and of a vector, are
                // disjoint.
                unsafe {
                    let sums = sums.each_ref().map(|all| all.part(part * wide..(part + 1) * wide));
                    work(part, matrix.part(rows), sums);
                }
            }
        });
    }

    /// Calls `work` on disjoint ranges that cover `0..length`, their inner bounds multiples of
    /// `grain`; on a single range if there are few `elements`.
    fn share(
        &self,
        elements: usize,
        length: usize,
        grain: usize,
        work: impl Fn(Range<usize>) + Sync,
    ) {
        if elements < PARALLEL_THRESHOLD || length <= grain || self.threads() == 1 {
            return work(0..length);
        }
        let least = (MIN_PIECE * length / elements).next_multiple_of(grain).max(grain);
        let pieces = WorkQueue::new(length, least, usize::MAX, self.threads());
        self.run(|_| (&pieces).for_each(&work));
    }
}

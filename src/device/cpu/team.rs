//! A standing team of threads that share one operation's work.
#![allow(dead_code)]

/// A team of threads, the calling thread among them.
pub(crate) struct Team {
    threads: usize,
}

/// A vertical stripe of a row-major matrix: some columns of all its rows.
pub(crate) struct Stripe<'a, T> {
    rows: Vec<&'a mut [T]>,
    first: usize,
}

impl<T> Stripe<'_, T> {
    /// The matrix's column that the stripe begins at.
    pub fn first_column(&self) -> usize {
        self.first
    }
    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.rows.len()
    }
    /// The stripe's part of row `i`.
    pub fn row(&mut self, i: usize) -> &mut [T] {
        self.rows[i]
    }
}

impl Team {
    /// A team of `threads` threads (at least 1).
    pub fn new(threads: usize) -> Self {
        Self { threads }
    }
    /// How many threads share the work.
    pub fn threads(&self) -> usize {
        self.threads
    }
    /// Calls `work(thread)` once on each thread and waits for all.
    pub fn run(&self, work: impl Fn(usize) + Sync) {
        (0..self.threads).for_each(work);
    }
    /// Splits `out` into one contiguous chunk a thread, each but the last a multiple of
    /// `granularity` long; calls `work(offset, chunk)`.
    pub fn chunks<T: Send>(
        &self,
        out: &mut [T],
        granularity: usize,
        work: impl Fn(usize, &mut [T]) + Sync,
    ) {
        let _ = granularity;
        work(0, out);
    }
    /// As [`Team::chunks`], for three slices of one length.
    pub fn chunks3<T: Send>(
        &self,
        out: [&mut [T]; 3],
        granularity: usize,
        work: impl Fn(usize, [&mut [T]; 3]) + Sync,
    ) {
        let _ = granularity;
        work(0, out);
    }
    /// As [`Team::stripes`]; `vectors`, each `columns` long, are split along with the matrix.
    pub fn stripes_with<T: Send, const N: usize>(
        &self,
        out: &mut [T],
        columns: usize,
        vectors: [&mut [T]; N],
        work: impl Fn(Stripe<'_, T>, [&mut [T]; N]) + Sync,
    ) {
        work(Stripe { rows: out.chunks_mut(columns).collect(), first: 0 }, vectors);
    }
    /// Splits the columns of the row-major matrix `out`, `columns` wide, among the threads.
    pub fn stripes<T: Send>(
        &self,
        out: &mut [T],
        columns: usize,
        work: impl Fn(Stripe<'_, T>) + Sync,
    ) {
        work(Stripe { rows: out.chunks_mut(columns).collect(), first: 0 });
    }
}

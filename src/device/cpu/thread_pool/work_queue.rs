//! Dynamic scheduling: threads take pieces of work from a shared queue.
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// `0..length` in pieces that threads take when they are ready: large ones first, small ones at the
/// end, as in OpenMP's guided schedule.
///
/// Threads are seldom equally fast: cores run other programs too, and two hardware threads share a
/// core. With fixed parts all threads would wait for the slowest.
pub(in super::super) struct WorkQueue {
    next: AtomicUsize,
    length: usize,
    least: usize,
    most: usize,
    threads: usize,
}

impl WorkQueue {
    /// A queue for `threads` threads. The lengths of all pieces but the last are multiples of `least`
    /// (at least 1) and at most `most`, a multiple of it too.
    pub fn new(length: usize, least: usize, most: usize, threads: usize) -> Self {
        Self { next: AtomicUsize::new(0), length, least, most, threads }
    }
}

impl Iterator for &WorkQueue {
    type Item = Range<usize>;

    /// The next piece that no thread has taken.
    fn next(&mut self) -> Option<Range<usize>> {
        let mut start = self.next.load(Relaxed);
        loop {
            let left = self.length.checked_sub(start).filter(|&left| left > 0)?;
            // Half of a thread's share of what is left.
            let fair = (left / (2 * self.threads)).next_multiple_of(self.least);
            let end = start + fair.clamp(self.least, self.most).min(left);
            match self.next.compare_exchange_weak(start, end, Relaxed, Relaxed) {
                Ok(_) => return Some(start..end),
                Err(moved) => start = moved,
            }
        }
    }
}

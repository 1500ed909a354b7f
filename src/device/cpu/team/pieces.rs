//! Work that is handed out piece by piece.
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// `0..length` in pieces, which threads take as they come: large ones first, small ones at the end.
///
/// Threads are seldom equally fast: the cores serve others too, and a core's two hardware threads
/// share it. With fixed parts everyone would wait for the slowest.
pub(in super::super) struct Pieces {
    next: AtomicUsize,
    length: usize,
    least: usize,
    most: usize,
    threads: usize,
}

impl Pieces {
    /// Pieces for `threads` threads; but for the last one, their lengths are multiples of `least`
    /// (at least 1), and at most `most`, a multiple of it too.
    pub fn new(length: usize, least: usize, most: usize, threads: usize) -> Self {
        Self { next: AtomicUsize::new(0), length, least, most, threads }
    }
}

impl Iterator for &Pieces {
    type Item = Range<usize>;

    /// The next piece that nobody has taken.
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

//! Memory of the CPU device.

use std::collections::TryReserveError;
use std::ops::Range;

use crate::device::Element;

/// Bytes of a cache line on most processors; half of one on the others.
const LINE: usize = 64;

/// A buffer aligned to a cache line: in rows of whole vectors, no vector spans two cache lines
/// (measured: a fifth of a gradient's time).
pub struct Buffer<E> {
    memory: Vec<E>,
    /// Elements of `memory` before the first aligned one.
    skipped: usize,
    len: usize,
}

impl<E: Element> Buffer<E> {
    /// A buffer of `len` zeros.
    pub(super) fn zeros(len: usize) -> Result<Self, TryReserveError> {
        let mut memory: Vec<E> = Vec::new();
        let padded = len.saturating_add(LINE / size_of::<E>());
        memory.try_reserve_exact(padded)?;
        memory.resize(padded, E::default());
        let skipped = memory.as_ptr().align_offset(LINE);
        Ok(Self { memory, skipped, len })
    }

    /// The range of `memory` for a range of the buffer.
    fn stored_range(&self, range: &Range<usize>) -> Range<usize> {
        assert!(range.end <= self.len, "{range:?} of a buffer of {}", self.len);
        self.skipped + range.start..self.skipped + range.end
    }

    pub(super) fn view(&self, range: Range<usize>) -> &[E] {
        &self.memory[self.stored_range(&range)]
    }

    pub(super) fn view_mut(&mut self, range: Range<usize>) -> &mut [E] {
        let range = self.stored_range(&range);
        &mut self.memory[range]
    }
}

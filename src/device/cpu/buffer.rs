//! Memory of the CPU device.

use std::collections::TryReserveError;
use std::ops::Range;

use crate::device::Element;

/// Bytes of a cache line on most processors; half of one on the others.
const LINE: usize = 64;

/// Numbers in memory, the first at the beginning of a cache line: rows of whole vectors then never
/// have a vector that reaches over two lines (measured: a fifth of a gradient's time).
pub struct Buffer<E> {
    memory: Vec<E>,
    /// Elements of `memory` before the first number.
    skipped: usize,
    len: usize,
}

impl<E: Element> Buffer<E> {
    /// So many zeros.
    pub(super) fn zeros(len: usize) -> Result<Self, TryReserveError> {
        let mut memory: Vec<E> = Vec::new();
        let padded = len.saturating_add(LINE / size_of::<E>());
        memory.try_reserve_exact(padded)?;
        memory.resize(padded, E::default());
        let skipped = memory.as_ptr().align_offset(LINE);
        Ok(Self { memory, skipped, len })
    }

    fn place(&self, range: &Range<usize>) -> Range<usize> {
        assert!(range.end <= self.len, "{range:?} of a buffer of {}", self.len);
        self.skipped + range.start..self.skipped + range.end
    }

    pub(super) fn view(&self, range: Range<usize>) -> &[E] {
        &self.memory[self.place(&range)]
    }

    pub(super) fn view_mut(&mut self, range: Range<usize>) -> &mut [E] {
        let place = self.place(&range);
        &mut self.memory[place]
    }
}

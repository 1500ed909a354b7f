//! Memory that is needed soon, fetched while something else is computed.

use super::super::gemm::tile::{LINE, prefetch};

/// Some memory, and how many cache lines of it are fetched at once.
pub(super) struct Ahead<'a> {
    memory: &'a [f32],
    lines: usize,
}

impl<'a> Ahead<'a> {
    /// All of it in so many turns.
    pub fn new(memory: &'a [f32], turns: usize) -> Self {
        Self { memory, lines: memory.len().div_ceil(LINE * turns) }
    }

    /// Fetches the next lines.
    #[inline(always)]
    pub fn fetch(&mut self) {
        let (next, rest) = self.memory.split_at(self.memory.len().min(self.lines * LINE));
        next.iter().step_by(LINE).for_each(|number| prefetch(number));
        self.memory = rest;
    }
}

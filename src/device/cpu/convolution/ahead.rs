//! Memory that is needed soon, fetched while something else is computed.

use std::ops::Range;

use super::super::gemm::tile::{LINE, prefetch};
use super::window::Windows;

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

/// The same of the pixels of some windows' outputs.
pub(super) struct PixelsAhead<'a> {
    pub images: &'a [f32],
    /// Of a pixel, and those of them that are needed.
    pub channels: usize,
    pub needed: Range<usize>,
    pub windows: Windows,
    pub outputs: Range<usize>,
    /// Pixels that are fetched at once.
    pub at_once: usize,
}

impl PixelsAhead<'_> {
    /// Fetches the next pixels.
    #[inline(always)]
    pub fn fetch(&mut self) {
        let end = self.outputs.end.min(self.outputs.start + self.at_once);
        for pixel in self.windows.pixels(self.outputs.start..end) {
            let numbers = &self.images[pixel * self.channels..][self.needed.clone()];
            numbers.iter().step_by(LINE).for_each(|number| prefetch(number));
        }
        self.outputs.start = end;
    }
}

//! Prefetching memory during other computations.

use std::ops::Range;

use super::super::gemm::tile::{LINE, prefetch};
use super::window::Windows;

/// Memory to prefetch, and the number of cache lines per call.
pub(super) struct Prefetcher<'a> {
    memory: &'a [f32],
    lines: usize,
}

impl<'a> Prefetcher<'a> {
    /// Prefetches all of `memory` in `turns` calls.
    pub fn new(memory: &'a [f32], turns: usize) -> Self {
        Self { memory, lines: memory.len().div_ceil(LINE * turns) }
    }

    /// Prefetches the next cache lines.
    #[inline(always)]
    pub fn fetch(&mut self) {
        let (next, rest) = self.memory.split_at(self.memory.len().min(self.lines * LINE));
        next.iter().step_by(LINE).for_each(|number| prefetch(number));
        self.memory = rest;
    }
}

/// The same for the pixels of some outputs.
pub(super) struct PixelPrefetcher<'a> {
    pub images: &'a [f32],
    /// Channels of a pixel.
    pub channels: usize,
    /// The channels that are needed.
    pub needed: Range<usize>,
    pub windows: Windows,
    pub outputs: Range<usize>,
    /// Pixels per call.
    pub at_once: usize,
}

impl PixelPrefetcher<'_> {
    /// Prefetches the next pixels.
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

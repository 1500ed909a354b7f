//! The gradient of a convolution's weights: dw = windowsᵀ · dy, summed over all places of the kernel.
//!
//! Places come in blocks of the depth. Of each block the windows are brought together row by row, and
//! dy in panels. Threads divide the rows or the columns of dw, never the sums.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use super::super::gemm::blocks::{blocks, panels};
use super::super::gemm::kernel::{Kernels, MOST_ROWS};
use super::super::gemm::pack::transpose;
use super::super::gemm::tile::{DEPTH, LINE, ROW, prefetch};
use super::super::team::{Pieces, Team};
use super::window::{Windows, copy};
use crate::device::ops::ConvolutionShape;

/// Rows of dw that a thread takes at once, numbers of a window: windows of a depth block stay in the
/// second-level cache.
const ROWS: usize = 256;
/// Places whose windows are brought together at once: a cache line of each number.
const PLACES: usize = 16;
/// Floats from one of these windows to the next; no power of two, lest all fall into the same cache
/// sets.
const STEP: usize = ROWS + 16;
/// Columns of dw, channels of dy, that a thread takes at once.
const COLUMNS: usize = 512;
/// Rows and columns that a thread takes at the least: whole tiles and panels.
const PIECE: usize = 48;

/// Fewer multiplications than this are done by the calling thread alone.
const WORTH_SHARING: usize = 128 * 1024;

/// Places whose windows will be gathered in the next depth block.
struct Ahead {
    next: usize,
    end: usize,
    /// How many are fetched at once.
    each: usize,
}

struct Product<'a> {
    kernels: &'static Kernels,
    windows: Windows,
    shape: ConvolutionShape,
    dw: *mut f32,
    dy: &'a [f32],
    x: &'a [f32],
    accumulate: bool,
}

// SAFETY: threads write disjoint places of `dw`, which the product borrows exclusively.
unsafe impl Sync for Product<'_> {}

/// The gradient of the weights.
pub(super) fn backward_weight(
    team: &Team,
    dw: &mut [f32],
    dy: &[f32],
    x: &[f32],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    let (kernels, windows) = (Kernels::get(), Windows::forward(&shape));
    let product = Product { kernels, windows, shape, dw: dw.as_mut_ptr(), dy, x, accumulate };
    product.run(team);
}

impl Product<'_> {
    fn run(&self, team: &Team) {
        let (rows, columns) = (self.shape.window(), self.shape.outputs);
        let alone = self.shape.places() * rows * columns < WORTH_SHARING;
        let threads = if alone { 1 } else { team.threads() };
        let mut scratch = team.scratch();
        let memory = scratch.parts(PLACES * STEP + ROWS * ROW + (DEPTH + 1) * COLUMNS, threads);
        // What the threads do not divide, each brings together for itself: that is to be little.
        let by_rows = rows >= columns;
        let (divided, most) = if by_rows { (rows, ROWS) } else { (columns, COLUMNS) };
        let least = if by_rows { PIECE } else { 2 * self.kernels.lanes };
        let pieces = Pieces::new(divided, least, most, threads);
        let work = |thread: usize| {
            for piece in &pieces {
                let (rows, columns) = if by_rows { (piece, 0..columns) } else { (0..rows, piece) };
                for rows in blocks(rows, ROWS) {
                    for columns in blocks(columns.clone(), COLUMNS) {
                        // SAFETY: the piece is one thread's, and so is its part of the memory.
                        unsafe { self.part(rows.clone(), columns, memory.of(thread)) };
                    }
                }
            }
        };
        if alone { work(0) } else { team.run(work) }
    }

    /// Some rows and columns of dw.
    ///
    /// # Safety
    /// The calling thread alone uses them and the memory.
    unsafe fn part(&self, rows: Range<usize>, columns: Range<usize>, memory: *mut f32) {
        // SAFETY: the memory holds all three.
        let (windows, gathered) = unsafe {
            let gathered = memory.wrapping_add(PLACES * STEP);
            let gathered = from_raw_parts_mut(gathered, ROWS * ROW);
            (from_raw_parts_mut(memory, PLACES * STEP), gathered)
        };
        let packed = memory.wrapping_add(PLACES * STEP + ROWS * ROW);
        for depth in blocks(0..self.shape.places(), DEPTH) {
            self.gather(&rows, &depth, windows, gathered);
            let mut ahead = self.places_ahead(depth.end, rows.len(), columns.len());
            // SAFETY: the memory has room for the columns.
            unsafe { self.pack(&columns, &depth, packed) };
            for panel in panels(self.kernels, columns.clone(), packed, DEPTH + 1) {
                let (extents, outputs) = ([rows.len(), depth.len()], self.shape.outputs);
                let c = self.dw.wrapping_add(rows.start * outputs + panel.first);
                let resume = self.accumulate || depth.start > 0;
                let fetch = || self.prefetch(&rows, &columns, &mut ahead);
                // SAFETY: both factors are there, and these places of `dw` are the caller's.
                unsafe {
                    panel.multiply(self.kernels, extents, gathered, c, outputs, resume, fetch)
                };
            }
        }
    }

    /// The places of the next depth block, in turns of as many as there are tiles in this one.
    fn places_ahead(&self, first: usize, rows: usize, columns: usize) -> Ahead {
        let tiles = rows.div_ceil(MOST_ROWS) * columns.div_ceil(self.kernels.lanes * 2);
        let end = (first + DEPTH).min(self.shape.places());
        Ahead { next: first, end, each: DEPTH.div_ceil(tiles.max(1)) }
    }

    /// Fetches what will be brought together next.
    fn prefetch(&self, rows: &Range<usize>, columns: &Range<usize>, ahead: &mut Ahead) {
        let mut place = self.windows.locate(ahead.next);
        for number in (ahead.next..ahead.end).take(ahead.each) {
            let (image, output) = place;
            if rows.len() > LINE {
                let x = &self.x[image * self.windows.source_len()..];
                self.windows.prefetch(x, output, rows.clone());
            }
            let dy = self.dy[number * self.shape.outputs..].as_ptr();
            columns.clone().step_by(LINE).for_each(|at| prefetch(dy.wrapping_add(at)));
            place = self.windows.next(place);
        }
        ahead.next = (ahead.next + ahead.each).min(ahead.end);
    }

    /// Packs panels of dy, place by place, as it is stored: the memory's own prefetching is for that.
    ///
    /// # Safety
    /// `to` has room for them.
    unsafe fn pack(&self, columns: &Range<usize>, depth: &Range<usize>, to: *mut f32) {
        for (p, place) in depth.clone().enumerate() {
            let dy = &self.dy[place * self.shape.outputs..][..columns.end];
            for panel in panels(self.kernels, columns.clone(), to, DEPTH + 1) {
                let to = panel.data.wrapping_add(p * panel.width);
                // SAFETY: the panel has room for its depth.
                let to = unsafe { from_raw_parts_mut(to, panel.width) };
                to[panel.valid..].fill(0.0);
                copy(&dy[panel.first..][..panel.valid], &mut to[..panel.valid]);
            }
        }
    }

    /// Brings the windows of some places together: some numbers of each, a row for each number.
    fn gather(
        &self,
        numbers: &Range<usize>,
        places: &Range<usize>,
        windows: &mut [f32],
        to: &mut [f32],
    ) {
        let mut place = self.windows.locate(places.start);
        for first in (0..places.len()).step_by(PLACES) {
            let count = PLACES.min(places.len() - first);
            for to in windows.chunks_exact_mut(STEP).take(count) {
                let (image, output) = place;
                let len = self.windows.source_len();
                let x = &self.x[image * len..][..len];
                self.windows.copy(x, output, numbers.clone(), to);
                place = self.windows.next(place);
            }
            let (from, to) = (windows.as_ptr(), to[first..].as_mut_ptr());
            // SAFETY: the windows are there, and `to` has a row for each of their numbers.
            unsafe { transpose(self.kernels, from, STEP, [count, numbers.len()], to, ROW) };
        }
    }
}

//! The gradient of a convolution's weights: dw = windowsᵀ · dy, summed over all places of the kernel.
//!
//! Places come in blocks of the depth. Of each block the windows are brought together row by row, and
//! dy in panels. Threads divide the rows or the columns of dw, never the sums.
#![allow(unsafe_code)]

use std::ops::Range;
use std::slice::from_raw_parts_mut;

use super::super::gemm::blocks::{blocks, panels};
use super::super::gemm::kernel::Kernels;
use super::super::gemm::pack::{Source, pack};
use super::super::gemm::tile::{Ahead, DEPTH, Left, Tile};
use super::super::team::{Pieces, Team};
use super::window::Windows;
use crate::device::ops::ConvolutionShape;

/// Rows of dw that a thread takes at once, numbers of a window: windows of a depth block stay in the
/// second-level cache.
const ROWS: usize = 256;
/// Floats from one gathered window to the next; no power of two, lest all fall into the same cache
/// sets.
const STEP: usize = ROWS + 16;
/// Columns of dw, channels of dy, that a thread takes at once.
const COLUMNS: usize = 512;
/// Rows and columns that a thread takes at the least: whole tiles and panels.
const PIECE: usize = 48;

/// Fewer multiplications than this are done by the calling thread alone.
const WORTH_SHARING: usize = 128 * 1024;

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
        let memory = scratch.parts(DEPTH * (STEP + COLUMNS), threads);
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
        // SAFETY: the memory holds both.
        let gathered = unsafe { from_raw_parts_mut(memory, DEPTH * STEP) };
        let packed = memory.wrapping_add(DEPTH * STEP);
        for depth in blocks(0..self.shape.places(), DEPTH) {
            self.gather(&rows, &depth, gathered);
            for panel in panels(self.kernels, columns.clone(), packed, depth.len()) {
                let dy = &self.dy[depth.start * self.shape.outputs + panel.first..];
                let stride = self.shape.outputs;
                let source = Source { from: dy.as_ptr(), column_stride: 1, depth_stride: stride };
                // SAFETY: `dy` has the shape's length; the panel has room for its depth.
                unsafe {
                    let (valid, width) = (panel.valid, panel.width);
                    pack(self.kernels, source, valid, depth.len(), panel.data, width);
                }
                let mut i = 0;
                while i < rows.len() {
                    let code = self.kernels.tile(panel.vectors, rows.len() - i);
                    let at = (rows.start + i) * stride + panel.first;
                    let tile = Tile {
                        depth: depth.len(),
                        a: Left::Across { from: gathered[i..].as_ptr(), step: STEP },
                        b: panel.data,
                        c: self.dw.wrapping_add(at),
                        c_row: stride,
                        resume: self.accumulate || depth.start > 0,
                        ahead: Ahead::Nothing,
                    };
                    // SAFETY: both factors are there; the tile's columns are in `dw` or cut off.
                    unsafe {
                        match panel.valid == panel.width {
                            true => (code.plain)(&tile),
                            false => code.cut(&tile, panel.width, panel.valid),
                        }
                    }
                    i += code.rows;
                }
            }
        }
    }

    /// Brings the windows of some places together, some numbers of each.
    fn gather(&self, numbers: &Range<usize>, places: &Range<usize>, to: &mut [f32]) {
        let windows = &self.windows;
        let mut place = windows.locate(places.start);
        for to in to.chunks_exact_mut(STEP).take(places.len()) {
            let (image, output) = place;
            let source = &self.x[image * windows.source_len()..][..windows.source_len()];
            windows.copy(source, output, numbers.clone(), to);
            place = windows.next(place);
        }
    }
}

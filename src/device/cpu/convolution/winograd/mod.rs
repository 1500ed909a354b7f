//! Winograd convolutions, with fewer multiplications, for 4×4 kernels, stride 2 and padding 1.
//!
//! The even and odd rows and columns of x form four images of half the height and width, its
//! **phases**. On these, the convolution has a 2×2 kernel and stride 1 over four times the channels,
//! which [Winograd's algorithm](https://arxiv.org/abs/1509.09308) computes tile by tile:
//! y = Aᵀ\[(G·w·Gᵀ) ⊙ (Bᵀ·x·B)\]A, where ⊙ is a matrix multiplication over channels for each of the
//! tile's points. The transposed convolution and the gradient of the weights use the transposed
//! transforms: x = B\[(G·w·Gᵀ) ⊙ (A·y·Aᵀ)\]Bᵀ and dw = Gᵀ\[(Bᵀ·x·B) ⊙ (A·dy·Aᵀ)\]G, summed over tiles.
//!
//! | tile of y | points | multiplications | relative rms error in f32 |
//! |---|---|---|---|
//! | direct | | 1 | 2e-7 |
//! | 4×4 | 5×5 | 1/2.56 | 1e-6 |
//! | 7×7 | 8×8 | 1/3.06 | 5e-6 |
//!
//! - `transform`: the transforms of a tile,
//! - `lanes`: vectors of channels on which they are computed,
//! - `tiling`: the division of images into tiles, and the memory layout of transformed data,
//! - `images`, `weights`: the transforms of a whole operand,
//! - `batched_gemm`: the matrix multiplications between them.
//!
//! Threads divide tiles, channels or points, never a sum.

mod batched_gemm;
mod images;
mod lanes;
#[cfg(test)]
mod tests;
mod tiling;
mod transform;
mod weights;

use std::ops::Range;

use super::super::gemm::kernel::Kernels;
use super::super::scratch::Parts;
use super::super::thread_pool::ThreadPool;
use crate::device::ops::ConvolutionShape;
use batched_gemm::{BatchedGemm, BatchedGemmTransposedA, Packed};
use images::{Data, FromData, FromOutputs, Outputs};
use lanes::share;
use tiling::{GRAIN, PHASES, Tiling, Transformed, equal_parts, padded};
use transform::{F4, F7, Transform};
use weights::{Columns, Gradient, Rows, squares};

/// Tiles that are transformed at once: enough that a matrix multiplication takes longer than loading
/// its right operand into the cache.
const TILES: usize = 64;

/// The same if weights are transformed part by part, again for each group of tiles.
const MORE_TILES: usize = 128;

/// Most floats of transformed weights at once, unless there are few channels.
const WEIGHTS: usize = 4 * 1024 * 1024;

/// With fewer channels the direct form is faster: transforms would take longer than multiplications.
const CHANNELS: usize = 16;

/// With fewer tiles the direct form is faster: transforming the weights would take too long.
const MIN_TILES: usize = 32;

/// Whether the algorithm supports these extents.
pub(super) fn applies(shape: &ConvolutionShape) -> bool {
    let ConvolutionShape { x_pixels, y_pixels, kernel, stride, padding, .. } = *shape;
    let halved = (0..2).all(|axis| x_pixels[axis] == 2 * y_pixels[axis] && y_pixels[axis] > 0);
    halved
        && (kernel, stride, padding) == (4, 2, 1)
        && (divides_into(shape, 7) || divides_into(shape, 4))
}

/// Whether it is faster than the direct form, for this number of output channels.
pub(super) fn is_worthwhile(shape: &ConvolutionShape, channels: usize) -> bool {
    let least = shape.inputs.min(shape.outputs).min(channels);
    applies(shape) && least >= CHANNELS && tiles(shape) >= MIN_TILES
}

/// Tiles of all images.
fn tiles(shape: &ConvolutionShape) -> usize {
    let side = if divides_into(shape, 7) { 7 } else { 4 };
    shape.positions() / (side * side)
}

/// Whether images divide into tiles of this size.
fn divides_into(shape: &ConvolutionShape, side: usize) -> bool {
    shape.y_pixels.iter().all(|pixels| pixels.is_multiple_of(side))
}

/// A convolution of x, some channels of it; [`applies`] must be true.
pub(super) fn forward(
    pool: &ThreadPool,
    y: &mut [f32],
    x: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    match divides_into(&shape, 7) {
        true => Winograd::new(F7, shape).forward(pool, y, x, w, channels, finish),
        false => Winograd::new(F4, shape).forward(pool, y, x, w, channels, finish),
    }
}

/// A transposed convolution of y, some channels of it; [`applies`] must be true.
pub(super) fn transpose(
    pool: &ThreadPool,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    match divides_into(&shape, 7) {
        true => Winograd::new(F7, shape).transpose(pool, x, y, w, channels, finish),
        false => Winograd::new(F4, shape).transpose(pool, x, y, w, channels, finish),
    }
}

/// The gradient of the weights; [`applies`] must be true.
pub(super) fn backward_weight(
    pool: &ThreadPool,
    dw: &mut [f32],
    dy: &[f32],
    x: &[f32],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    match divides_into(&shape, 7) {
        true => Winograd::new(F7, shape).backward_weight(pool, dw, dy, x, accumulate),
        false => Winograd::new(F4, shape).backward_weight(pool, dw, dy, x, accumulate),
    }
}

/// Winograd convolutions with one tile size.
#[derive(Clone, Copy)]
struct Winograd<X, const M: usize, const N: usize> {
    tile: X,
    tiling: Tiling,
    kernels: &'static Kernels,
}

impl<X: Transform<M, N>, const M: usize, const N: usize> Winograd<X, M, N> {
    fn new(tile: X, shape: ConvolutionShape) -> Self {
        let tiling = Tiling { shape, side: M, points: N * N };
        Self { tile, tiling, kernels: Kernels::get() }
    }

    /// Groups of images whose tiles are transformed at once, for this number of parts of the weights.
    fn images(&self, parts: usize) -> impl Iterator<Item = Range<usize>> + Clone {
        let tiles = if parts == 1 { TILES } else { MORE_TILES };
        equal_parts(self.tiling.shape.rows, tiles / self.tiling.per_image(), 1)
    }

    /// Tiles of the largest group of images.
    fn most_tiles(&self, parts: usize) -> usize {
        self.images(parts).map(|images| images.len()).max().unwrap_or(0) * self.tiling.per_image()
    }

    fn forward(
        &self,
        pool: &ThreadPool,
        y: &mut [f32],
        x: &[f32],
        w: &[f32],
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (tile, tiling, depth) = (self.tile, self.tiling, self.tiling.x_columns());
        let (y, width) = (y.as_mut_ptr(), channels.len());
        self.convolve(
            pool,
            Extents { depth, channels: channels.clone(), phases: 1 },
            |first, to| share(pool, to.rows, &Data { tile, tiling, first, x, to }),
            |part, to, _| {
                let outputs = part.start + channels.start..part.end + channels.start;
                share(pool, depth, &Columns { tile, tiling, w, outputs, to });
            },
            |first, channels, from| {
                let finish = (channels.end == width).then_some(&finish);
                let work = FromOutputs { tile, tiling, first, from, y, width, channels, finish };
                share(pool, from.rows, &work);
            },
        );
    }

    fn transpose(
        &self,
        pool: &ThreadPool,
        x: &mut [f32],
        y: &[f32],
        w: &[f32],
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (tile, tiling, depth) = (self.tile, self.tiling, self.tiling.y_columns());
        let (x, width) = (x.as_mut_ptr(), channels.len());
        let outputs = 0..tiling.shape.outputs;
        self.convolve(
            pool,
            Extents { depth, channels: channels.clone(), phases: PHASES },
            |first, to| {
                let channels = outputs.clone();
                share(pool, to.rows, &Outputs { tile, tiling, first, y, channels, to });
            },
            |part, to, memory| {
                let inputs = part.start + channels.start..part.end + channels.start;
                let work = Rows { tile, tiling, w, inputs, to, memory };
                share(pool, to.columns / self.kernels.lanes, &work);
            },
            |first, channels, from| {
                let finish = (channels.end == width).then_some(&finish);
                let first = first / tiling.per_image();
                let work = FromData { tile, tiling, first, from, x, width, channels, finish };
                share(pool, from.rows / tiling.per_image(), &work);
            },
        );
    }

    /// Either kind of convolution. `read` transforms the input, from this tile index on; `pack`
    /// transforms the weights of some output channels; `write` transforms these channels of the tiles
    /// back to the output.
    fn convolve(
        &self,
        pool: &ThreadPool,
        extents: Extents,
        read: impl Fn(usize, Transformed),
        pack: impl Fn(Range<usize>, Packed, &Parts<'_>),
        write: impl Fn(usize, Range<usize>, Transformed),
    ) {
        let Extents { depth, channels, phases } = extents;
        let columns = |channels: usize| phases * padded(channels);
        let most = WEIGHTS / (N * N * depth * phases);
        let parts = equal_parts(channels.len(), most / GRAIN * GRAIN, GRAIN);
        let most = columns(parts.clone().map(|part| part.len()).max().unwrap_or(0));
        // With several parts, the transformed input is needed again for other channels. With a single
        // part, the results overwrite it: that memory is in the cache.
        let count = parts.clone().count();
        let once = count == 1;
        let steps = if once { [depth.max(most); 2] } else { [depth, most] };
        let [a_len, c_len] = steps.map(|step| self.tiling.tiles_len(self.most_tiles(count), step));
        let [c_at, packed_at] = if once { [0, a_len] } else { [a_len, a_len + c_len] };
        let packed = Packed {
            kernels: self.kernels,
            at: std::ptr::null_mut(),
            points: N * N,
            depth,
            columns: most,
        };
        let per_thread =
            BatchedGemm::memory(self.most_tiles(count), depth).max(squares(self.kernels, N * N));
        let mut scratch = pool.scratch();
        let memory = scratch.shared_and_parts(packed_at + packed.len(), per_thread, pool.threads());
        let at = |place: usize| memory.shared().wrapping_add(place);
        for images in self.images(count) {
            let tiles = images.len() * self.tiling.per_image();
            let first = images.start * self.tiling.per_image();
            let a = self.tiling.tiles_at(at(0), tiles, depth, steps[0]);
            read(first, a);
            for part in parts.clone() {
                let columns = columns(part.len());
                let b = Packed { at: at(packed_at), columns, ..packed };
                if !once || images.start == 0 {
                    pack(part.clone(), b, &memory);
                }
                let c = self.tiling.tiles_at(at(c_at), tiles, columns, steps[1]);
                BatchedGemm { a, b, c }.run(pool, &memory);
                write(first, part, c);
            }
        }
    }

    fn backward_weight(
        &self,
        pool: &ThreadPool,
        dw: &mut [f32],
        dy: &[f32],
        x: &[f32],
        accumulate: bool,
    ) {
        let (tile, tiling, rows) = (self.tile, self.tiling, self.tiling.x_columns());
        let dw = dw.as_mut_ptr();
        let most = WEIGHTS / (N * N * rows);
        let parts = equal_parts(tiling.shape.outputs, most / GRAIN * GRAIN, GRAIN);
        let most = padded(parts.clone().map(|part| part.len()).max().unwrap_or(0));
        let count = parts.clone().count();
        let tiles = self.most_tiles(count);
        let lens = [
            tiling.tiles_len(tiles, rows),
            tiling.tiles_len(tiles, most),
            tiling.sums_len(rows, most),
        ];
        let mut scratch = pool.scratch();
        let memory = scratch.shared_and_parts(
            lens.iter().sum(),
            BatchedGemmTransposedA::memory(most),
            pool.threads(),
        );
        let at = |place: usize| memory.shared().wrapping_add(place);
        let once = self.images(count).count() == 1;
        for outputs in parts {
            let columns = padded(outputs.len());
            let c = tiling.sums_at(at(lens[0] + lens[1]), rows, columns);
            for images in self.images(count) {
                let tiles = images.len() * tiling.per_image();
                let first = images.start * tiling.per_image();
                let a = tiling.tiles_at(at(0), tiles, rows, rows);
                if !once || outputs.start == 0 {
                    share(pool, tiles, &Data { tile, tiling, first, x, to: a });
                }
                let b = tiling.tiles_at(at(lens[0]), tiles, columns, columns);
                let channels = outputs.clone();
                share(pool, tiles, &Outputs { tile, tiling, first, y: dy, channels, to: b });
                let (kernels, accumulate) = (self.kernels, images.start > 0);
                BatchedGemmTransposedA { kernels, a, b, c, accumulate }.run(pool, &memory);
            }
            share(pool, rows, &Gradient { tile, tiling, from: c, dw, outputs, accumulate });
        }
    }
}

/// Extents of matrix multiplications whose rows are tiles.
struct Extents {
    /// Input channels.
    depth: usize,
    /// Output channels.
    channels: Range<usize>,
    /// Phases of each output channel.
    phases: usize,
}

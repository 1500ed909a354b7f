//! Convolutions by fewer multiplications, of kernels of four places, stride 2 and padding 1.
//!
//! Rows and columns of x that are even and those that are odd, its four **phases**, are images of half
//! the side. On these, the convolution is one of 2×2 places and stride 1 over four times the channels,
//! which [Winograd's method](https://arxiv.org/abs/1509.09308) computes tile by tile:
//! y = Aᵀ\[(G·w·Gᵀ) ⊙ (Bᵀ·x·B)\]A, where ⊙ is for each of the tile's points a matrix product over
//! channels. What y and the weights' gradient are made of in that way, the gradient of x is too, by the
//! transposed transforms in the opposite order: x = B\[(G·w·Gᵀ) ⊙ (A·y·Aᵀ)\]Bᵀ and
//! dw = Gᵀ\[(Bᵀ·x·B) ⊙ (A·dy·Aᵀ)\]G, summed over tiles.
//!
//! | tile of y | points | multiplications | relative rms error in f32 |
//! |---|---|---|---|
//! | direct | | 1 | 2e-7 |
//! | 4×4 | 5×5 | 1/2.56 | 1e-6 |
//! | 7×7 | 8×8 | 1/3.06 | 5e-6 |
//!
//! - `transform`: the transforms of a tile,
//! - `lanes`: vectors of channels that they are computed on,
//! - `tiling`: how images are cut into tiles, and where transformed numbers are kept,
//! - `images`, `weights`: transforms of all of an operand,
//! - `products`: the products between them.
//!
//! Threads divide tiles, channels or points, never a sum.

mod images;
mod lanes;
mod products;
#[cfg(test)]
mod tests;
mod tiling;
mod transform;
mod weights;

use std::ops::Range;

use super::super::gemm::kernel::Kernels;
use super::super::scratch::Parts;
use super::super::team::Team;
use crate::device::ops::ConvolutionShape;
use images::{Data, FromData, FromOutputs, Outputs};
use lanes::share;
use products::{Crossed, Packed, Straight};
use tiling::{GRAIN, PHASES, Tiling, Transformed, equal_parts, padded};
use transform::{Four, Seven, Tile};
use weights::{Columns, Gradient, Rows, squares};

/// Tiles that are transformed at once: enough that a product is more work than bringing its right factor
/// into the cache.
const TILES: usize = 64;

/// The same where weights are transformed part by part, anew for these tiles.
const MORE_TILES: usize = 128;

/// Floats of transformed weights that are there at once, unless there are few channels.
const WEIGHTS: usize = 4 * 1024 * 1024;

/// Fewer channels than this are left to the direct form: transforms would take longer than products.
const CHANNELS: usize = 16;

/// Fewer tiles than this are left to the direct form: transforms of the weights would take longer.
const LEAST_TILES: usize = 32;

/// Whether there is a tile for these extents.
pub(super) fn applies(shape: &ConvolutionShape) -> bool {
    let ConvolutionShape { x_pixels, y_pixels, kernel, stride, padding, .. } = *shape;
    let halved = (0..2).all(|axis| x_pixels[axis] == 2 * y_pixels[axis] && y_pixels[axis] > 0);
    halved && (kernel, stride, padding) == (4, 2, 1) && (by(shape, 7) || by(shape, 4))
}

/// Whether that takes less time than the direct form, for so many channels of what is written.
pub(super) fn pays(shape: &ConvolutionShape, channels: usize) -> bool {
    let least = shape.inputs.min(shape.outputs).min(channels);
    applies(shape) && least >= CHANNELS && tiles(shape) >= LEAST_TILES
}

/// Tiles of all images.
fn tiles(shape: &ConvolutionShape) -> usize {
    let side = if by(shape, 7) { 7 } else { 4 };
    shape.places() / (side * side)
}

/// Whether images tile exactly.
fn by(shape: &ConvolutionShape, side: usize) -> bool {
    shape.y_pixels.iter().all(|pixels| pixels.is_multiple_of(side))
}

/// A convolution of x, some channels of it; [`applies`] must be true.
pub(super) fn forward(
    team: &Team,
    y: &mut [f32],
    x: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    match by(&shape, 7) {
        true => Form::new(Seven, shape).forward(team, y, x, w, channels, finish),
        false => Form::new(Four, shape).forward(team, y, x, w, channels, finish),
    }
}

/// A transposed convolution of y, some channels of it; [`applies`] must be true.
pub(super) fn transpose(
    team: &Team,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    channels: Range<usize>,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    match by(&shape, 7) {
        true => Form::new(Seven, shape).transpose(team, x, y, w, channels, finish),
        false => Form::new(Four, shape).transpose(team, x, y, w, channels, finish),
    }
}

/// The gradient of the weights; [`applies`] must be true.
pub(super) fn backward_weight(
    team: &Team,
    dw: &mut [f32],
    dy: &[f32],
    x: &[f32],
    shape: ConvolutionShape,
    accumulate: bool,
) {
    match by(&shape, 7) {
        true => Form::new(Seven, shape).backward_weight(team, dw, dy, x, accumulate),
        false => Form::new(Four, shape).backward_weight(team, dw, dy, x, accumulate),
    }
}

/// Convolutions by one kind of tiles.
#[derive(Clone, Copy)]
struct Form<X, const M: usize, const N: usize> {
    tile: X,
    tiling: Tiling,
    kernels: &'static Kernels,
}

impl<X: Tile<M, N>, const M: usize, const N: usize> Form<X, M, N> {
    fn new(tile: X, shape: ConvolutionShape) -> Self {
        let tiling = Tiling { shape, side: M, points: N * N };
        Self { tile, tiling, kernels: Kernels::get() }
    }

    /// Images whose tiles are transformed at once, where weights come in so many parts.
    fn images(&self, parts: usize) -> impl Iterator<Item = Range<usize>> + Clone {
        let tiles = if parts == 1 { TILES } else { MORE_TILES };
        equal_parts(self.tiling.shape.rows, tiles / self.tiling.per_image(), 1)
    }

    /// Tiles of that part of the images that has most.
    fn most_tiles(&self, parts: usize) -> usize {
        self.images(parts).map(|images| images.len()).max().unwrap_or(0) * self.tiling.per_image()
    }

    fn forward(
        &self,
        team: &Team,
        y: &mut [f32],
        x: &[f32],
        w: &[f32],
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (tile, tiling, depth) = (self.tile, self.tiling, self.tiling.x_columns());
        let (y, width) = (y.as_mut_ptr(), channels.len());
        self.straight(
            team,
            Extents { depth, channels: channels.clone(), phases: 1 },
            |first, to| share(team, to.rows, &Data { tile, tiling, first, x, to }),
            |part, to, _| {
                let outputs = part.start + channels.start..part.end + channels.start;
                share(team, depth, &Columns { tile, tiling, w, outputs, to });
            },
            |first, channels, from| {
                let finish = (channels.end == width).then_some(&finish);
                let work = FromOutputs { tile, tiling, first, from, y, width, channels, finish };
                share(team, from.rows, &work);
            },
        );
    }

    fn transpose(
        &self,
        team: &Team,
        x: &mut [f32],
        y: &[f32],
        w: &[f32],
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        let (tile, tiling, depth) = (self.tile, self.tiling, self.tiling.y_columns());
        let (x, width) = (x.as_mut_ptr(), channels.len());
        let outputs = 0..tiling.shape.outputs;
        self.straight(
            team,
            Extents { depth, channels: channels.clone(), phases: PHASES },
            |first, to| {
                let channels = outputs.clone();
                share(team, to.rows, &Outputs { tile, tiling, first, y, channels, to });
            },
            |part, to, memory| {
                let inputs = part.start + channels.start..part.end + channels.start;
                let work = Rows { tile, tiling, w, inputs, to, memory };
                share(team, to.columns / self.kernels.lanes, &work);
            },
            |first, channels, from| {
                let finish = (channels.end == width).then_some(&finish);
                let first = first / tiling.per_image();
                let work = FromData { tile, tiling, first, from, x, width, channels, finish };
                share(team, from.rows / tiling.per_image(), &work);
            },
        );
    }

    /// Either kind of convolution. `read` transforms what is read, from the tile of this number on;
    /// `pack` the weights of some of the channels that are written; `write` gets these channels of the
    /// same tiles.
    fn straight(
        &self,
        team: &Team,
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
        // What all is made of is needed again for other channels. Else the products take its place:
        // that memory is in the cache.
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
        let mine =
            Straight::memory(self.most_tiles(count), depth).max(squares(self.kernels, N * N));
        let mut scratch = team.scratch();
        let memory = scratch.shared_and_parts(packed_at + packed.len(), mine, team.threads());
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
                Straight { a, b, c }.run(team, &memory);
                write(first, part, c);
            }
        }
    }

    fn backward_weight(
        &self,
        team: &Team,
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
        let mut scratch = team.scratch();
        let memory =
            scratch.shared_and_parts(lens.iter().sum(), Crossed::memory(most), team.threads());
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
                    share(team, tiles, &Data { tile, tiling, first, x, to: a });
                }
                let b = tiling.tiles_at(at(lens[0]), tiles, columns, columns);
                let channels = outputs.clone();
                share(team, tiles, &Outputs { tile, tiling, first, y: dy, channels, to: b });
                let (kernels, accumulate) = (self.kernels, images.start > 0);
                Crossed { kernels, a, b, c, accumulate }.run(team, &memory);
            }
            share(team, rows, &Gradient { tile, tiling, from: c, dw, outputs, accumulate });
        }
    }
}

/// Extents of products whose rows are tiles.
struct Extents {
    /// Channels that are read.
    depth: usize,
    /// Channels that are written,
    channels: Range<usize>,
    /// each in so many phases.
    phases: usize,
}

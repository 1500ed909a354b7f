//! How images are cut into tiles, and where transformed numbers are kept.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::device::ops::ConvolutionShape;

/// Parities of rows and columns of x: how many images of half the side it is made of.
pub(super) const PHASES: usize = 4;

/// Channels in memory come in whole cache lines.
pub(super) const GRAIN: usize = 16;

/// Channels, rounded up to what memory has room for.
pub(super) fn padded(channels: usize) -> usize {
    channels.next_multiple_of(GRAIN)
}

/// A convolution cut into tiles of the same size.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub shape: ConvolutionShape,
    /// Rows and columns of y that a tile has.
    pub side: usize,
    /// Products of numbers that a tile takes, for each pair of channels.
    pub points: usize,
}

impl Tiling {
    /// Rows and columns of tiles of an image.
    pub fn tiles(&self) -> [usize; 2] {
        self.shape.y_pixels.map(|pixels| pixels / self.side)
    }

    /// Tiles of an image.
    pub fn per_image(&self) -> usize {
        let [rows, columns] = self.tiles();
        rows * columns
    }

    /// The image of a tile, and the tile's row and column there.
    pub fn locate(&self, tile: usize) -> (usize, [usize; 2]) {
        let (image, tile) = (tile / self.per_image(), tile % self.per_image());
        let columns = self.tiles()[1];
        (image, [tile / columns, tile % columns])
    }

    /// The rows or columns of x that a tile has of a phase.
    #[inline(always)]
    pub fn x_pixels(&self, axis: usize, tile: usize, phase: usize) -> Pixels {
        let first = 2 * tile * self.side + Self::parity(phase)[axis];
        let last = first + 2 * self.side;
        Pixels {
            first: first.wrapping_sub(self.shape.padding),
            begins: first >= self.shape.padding,
            ends: last - self.shape.padding < self.shape.x_pixels[axis],
        }
    }

    /// The first pixel of y that a tile has, among those of all images.
    pub fn y_pixel(&self, tile: usize) -> usize {
        let (image, [row, column]) = self.locate(tile);
        let [height, width] = self.shape.y_pixels;
        (image * height + row * self.side) * width + column * self.side
    }

    /// How many pixels of y the next tile is away.
    pub fn y_ahead(&self, tile: usize) -> usize {
        self.y_pixel(tile + 1).wrapping_sub(self.y_pixel(tile))
    }

    /// The same of x.
    pub fn x_ahead(&self, tile: usize) -> usize {
        let first = |tile| {
            let (image, [row, column]) = self.locate(tile);
            let [height, width] = self.shape.x_pixels;
            (image * height + 2 * row * self.side) * width + 2 * column * self.side
        };
        first(tile + 1).wrapping_sub(first(tile))
    }

    /// Row or column of a phase.
    pub fn parity(phase: usize) -> [usize; 2] {
        [phase / 2, phase % 2]
    }

    /// Channels of x in all phases, one phase after the other.
    pub fn x_columns(&self) -> usize {
        PHASES * padded(self.shape.inputs)
    }

    /// Channels of y.
    pub fn y_columns(&self) -> usize {
        padded(self.shape.outputs)
    }

    /// The first of the weights at the place of the kernel that a phase has at a tap, for a channel of x.
    pub fn weight(&self, phase: usize, [i, j]: [usize; 2], channel: usize) -> usize {
        let [row, column] = Self::parity(phase);
        let place = (2 * i + row) * self.shape.kernel + 2 * j + column;
        (place * self.shape.inputs + channel) * self.shape.outputs
    }

    /// Room for transformed tiles from `at` on, `most` numbers of one or less for each point.
    pub fn tiles_at(&self, at: *mut f32, rows: usize, columns: usize, most: usize) -> Transformed {
        let step = most + GRAIN;
        Transformed { at, points: self.points, rows, columns, step, row_step: self.row_step(most) }
    }

    /// How much memory that takes.
    pub fn tiles_len(&self, rows: usize, most: usize) -> usize {
        rows * self.row_step(most)
    }

    fn row_step(&self, most: usize) -> usize {
        self.points * (most + GRAIN) + GRAIN
    }

    /// Room for sums of products from `at` on, one point's after the other.
    pub fn sums_at(&self, at: *mut f32, rows: usize, columns: usize) -> Transformed {
        let step = rows * columns + GRAIN;
        Transformed { at, points: self.points, rows, columns, step, row_step: columns }
    }

    /// How much memory that takes.
    pub fn sums_len(&self, rows: usize, columns: usize) -> usize {
        self.points * (rows * columns + GRAIN)
    }
}

/// Rows or columns of x, every other one.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    /// Wrapped around where it is beyond the edge.
    pub first: usize,
    /// Whether the first one and the last one are there; the others always are.
    begins: bool,
    ends: bool,
}

impl Pixels {
    /// Whether the pixel of this number out of N is there.
    #[inline(always)]
    pub fn has<const N: usize>(&self, number: usize) -> bool {
        (number > 0 || self.begins) && (number + 1 < N || self.ends)
    }
}

/// A matrix for each point. Its steps are no powers of two, lest all that is transformed together fall
/// into the same cache sets.
#[derive(Clone, Copy)]
pub(super) struct Transformed {
    at: *mut f32,
    pub points: usize,
    /// Tiles; of weights, channels of x in all phases.
    pub rows: usize,
    /// Channels.
    pub columns: usize,
    /// From a number of one point's matrix to that of the next.
    pub step: usize,
    /// From a row of a matrix to the next.
    pub row_step: usize,
}

// SAFETY: threads write disjoint numbers of it, and read what was complete before.
unsafe impl Sync for Transformed {}

impl Transformed {
    /// The number of one row and column, of the first point.
    pub fn number(&self, row: usize, column: usize) -> *mut f32 {
        self.at.wrapping_add(row * self.row_step + column)
    }

    /// A point's matrix.
    pub fn point(&self, point: usize) -> *mut f32 {
        self.at.wrapping_add(point * self.step)
    }

    /// Fetches the part of a row that has a column, if it is cut into as many parts as it has cache
    /// lines: what is next, while this row's column is worked on.
    #[inline(always)]
    pub fn fetch(&self, row: usize, column: usize, fetch: impl Fn(*const f32)) {
        let first = column * self.points / self.columns;
        let end = (column + GRAIN) * self.points / self.columns;
        for point in first..end {
            let from = self.number(row, point * self.step);
            for line in 0..self.columns / GRAIN {
                fetch(from.wrapping_add(line * GRAIN));
            }
        }
    }
}

/// `length` in as few equal parts as there must be if none is longer than `most`; but for the last they
/// are multiples of `grain`.
pub(super) fn equal_parts(
    length: usize,
    most: usize,
    grain: usize,
) -> impl Iterator<Item = Range<usize>> + Clone {
    let part = length.div_ceil(length.div_ceil(most.max(grain)).max(1)).next_multiple_of(grain);
    (0..length).step_by(part.max(1)).map(move |start| start..length.min(start + part))
}

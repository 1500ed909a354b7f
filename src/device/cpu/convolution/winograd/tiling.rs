//! The division of images into tiles, and the memory layout of transformed data.
#![allow(unsafe_code)]

use std::ops::Range;

use crate::device::ops::ConvolutionShape;

/// Combinations of parities of the rows and columns of x: the number of half-size images.
pub(super) const PHASES: usize = 4;

/// Channels in memory are padded to whole cache lines.
pub(super) const GRAIN: usize = 16;

/// The number of channels including padding.
pub(super) fn padded(channels: usize) -> usize {
    channels.next_multiple_of(GRAIN)
}

/// A convolution divided into tiles of the same size.
#[derive(Clone, Copy)]
pub(super) struct Tiling {
    pub shape: ConvolutionShape,
    /// Height and width of a tile of y.
    pub side: usize,
    /// Multiplications of a tile for each pair of channels.
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

    /// The rows or columns of x in a tile and phase.
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

    /// The index of a tile's first pixel of y in the batch.
    pub fn y_pixel(&self, tile: usize) -> usize {
        let (image, [row, column]) = self.locate(tile);
        let [height, width] = self.shape.y_pixels;
        (image * height + row * self.side) * width + column * self.side
    }

    /// The offset in pixels of y to the next tile.
    pub fn y_ahead(&self, tile: usize) -> usize {
        self.y_pixel(tile + 1).wrapping_sub(self.y_pixel(tile))
    }

    /// The same for x.
    pub fn x_ahead(&self, tile: usize) -> usize {
        let first = |tile| {
            let (image, [row, column]) = self.locate(tile);
            let [height, width] = self.shape.x_pixels;
            (image * height + 2 * row * self.side) * width + 2 * column * self.side
        };
        first(tile + 1).wrapping_sub(first(tile))
    }

    /// The parities of the rows and columns of a phase.
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

    /// The index of the first weight of a phase, tap and channel of x.
    pub fn weight(&self, phase: usize, [i, j]: [usize; 2], channel: usize) -> usize {
        let [row, column] = Self::parity(phase);
        let place = (2 * i + row) * self.shape.kernel + 2 * j + column;
        (place * self.shape.inputs + channel) * self.shape.outputs
    }

    /// The layout of transformed tiles in memory from `at` on, with up to `most` numbers of a tile for
    /// each point.
    pub fn tiles_at(&self, at: *mut f32, rows: usize, columns: usize, most: usize) -> Transformed {
        let step = most + GRAIN;
        Transformed { at, points: self.points, rows, columns, step, row_step: self.row_step(most) }
    }

    /// Floats of memory for it.
    pub fn tiles_len(&self, rows: usize, most: usize) -> usize {
        rows * self.row_step(most)
    }

    fn row_step(&self, most: usize) -> usize {
        self.points * (most + GRAIN) + GRAIN
    }

    /// The layout of sums in memory from `at` on, one point after the other.
    pub fn sums_at(&self, at: *mut f32, rows: usize, columns: usize) -> Transformed {
        let step = rows * columns + GRAIN;
        Transformed { at, points: self.points, rows, columns, step, row_step: columns }
    }

    /// Floats of memory for it.
    pub fn sums_len(&self, rows: usize, columns: usize) -> usize {
        self.points * (rows * columns + GRAIN)
    }
}

/// Rows or columns of x, every other one.
#[derive(Clone, Copy)]
pub(super) struct Pixels {
    /// The first one; wraps around if it is beyond the edge.
    pub first: usize,
    /// Whether the first and the last one are within the image; the others always are.
    begins: bool,
    ends: bool,
}

impl Pixels {
    /// Whether the pixel with this index out of N is within the image.
    #[inline(always)]
    pub fn has<const N: usize>(&self, number: usize) -> bool {
        (number > 0 || self.begins) && (number + 1 < N || self.ends)
    }
}

/// A matrix for each point. Its strides are not powers of two, so that data transformed together does
/// not map to the same cache sets.
#[derive(Clone, Copy)]
pub(super) struct Transformed {
    at: *mut f32,
    pub points: usize,
    /// Tiles; for weights, channels of x in all phases.
    pub rows: usize,
    /// Channels.
    pub columns: usize,
    /// Stride from one point's matrix to the next.
    pub step: usize,
    /// Stride from one row of a matrix to the next.
    pub row_step: usize,
}

// SAFETY: threads write disjoint elements, and read only complete ones.
unsafe impl Sync for Transformed {}

impl Transformed {
    /// The element at this row and column for the first point.
    pub fn number(&self, row: usize, column: usize) -> *mut f32 {
        self.at.wrapping_add(row * self.row_step + column)
    }

    /// A point's matrix.
    pub fn point(&self, point: usize) -> *mut f32 {
        self.at.wrapping_add(point * self.step)
    }

    /// Prefetches a part of a row, if the row is divided into as many parts as it has cache lines per
    /// point: the next row, while the same column of this row is processed.
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

/// Divides `length` into the fewest equal parts of at most `most`; all but the last are multiples of
/// `grain`.
pub(super) fn equal_parts(
    length: usize,
    most: usize,
    grain: usize,
) -> impl Iterator<Item = Range<usize>> + Clone {
    let part = length.div_ceil(length.div_ceil(most.max(grain)).max(1)).next_multiple_of(grain);
    (0..length).step_by(part.max(1)).map(move |start| start..length.min(start + part))
}

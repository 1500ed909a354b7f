//! The layout of a grid of generated images: rows, columns, and the class of each image.

use std::fmt;
use std::str::FromStr;

use crate::choice::serialize_as_text;
use crate::ranges::SAMPLES;

/// Images of each class in a row.
const PER_CLASS: usize = 10;

/// Rows and columns of a sample grid, in files as "4x8". A conditional GAN has a row for each class
/// instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows of images.
    pub rows: usize,
    /// Columns of images.
    pub columns: usize,
}

impl FromStr for Grid {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let sides = text.split_once(['x', 'X', '×']);
        let sides = sides.and_then(|(a, b)| Some((a.parse::<u64>().ok()?, b.parse::<u64>().ok()?)));
        match sides {
            Some((rows, columns)) if SAMPLES.contains(rows.saturating_mul(columns)) => {
                Ok(Grid { rows: rows as usize, columns: columns as usize })
            }
            _ => Err("must be ROWSxCOLS, as 4x8, for 1 to 100,000 images".to_owned()),
        }
    }
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.rows, self.columns)
    }
}

serialize_as_text!(Grid);

/// A grid of generated images, row by row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleGrid {
    /// Rows and columns: at least as many cells as images.
    pub grid: Grid,
    /// The number of images.
    pub count: usize,
    /// A label for each image; empty if the model has no classes.
    pub labels: Vec<u32>,
}

impl SampleGrid {
    /// The sample grid of training: a row for each class, or `plain` without classes.
    pub fn standard(plain: Grid, classes: Option<usize>) -> Self {
        let classes: Vec<u32> = (0..classes.unwrap_or(0) as u32).collect();
        let grid = standard_grid(plain, &classes);
        Self::new(grid, grid.rows * grid.columns, &classes)
    }

    /// `count` images, distributed evenly over `classes` and sorted by class. Without classes,
    /// images have no labels.
    ///
    /// # Panics
    /// When the grid does not have enough cells.
    pub fn new(grid: Grid, count: usize, classes: &[u32]) -> Self {
        assert!(count <= grid.rows * grid.columns, "{count} images in {grid:?}");
        Self { grid, count, labels: labels_of(count, classes) }
    }
}

/// The labels of `count` images, distributed evenly over `classes` and sorted by class; empty
/// without classes.
pub fn labels_of(count: usize, classes: &[u32]) -> Vec<u32> {
    let label = |i: usize| classes.get(i * classes.len() / count).copied();
    (0..count).filter_map(label).collect()
}

/// Rows and columns of the sample grid of training for these classes.
pub fn standard_grid(plain: Grid, classes: &[u32]) -> Grid {
    match classes.len() {
        0 => plain,
        rows => Grid { rows, columns: PER_CLASS },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn standard_grid_has_a_row_for_each_class_or_the_given_extents() {
        let plain = Grid { rows: 8, columns: 8 };
        let cgan = SampleGrid::standard(plain, Some(3));
        assert_eq!((cgan.grid, cgan.count), (Grid { rows: 3, columns: 10 }, 30));
        assert_eq!(cgan.labels, [[0; 10], [1; 10], [2; 10]].concat());
        let mlp = SampleGrid::standard(plain, None);
        assert_eq!((mlp.grid, mlp.count), (Grid { rows: 8, columns: 8 }, 64));
        assert!(mlp.labels.is_empty());
    }

    #[test]
    fn grids_are_rows_by_columns() {
        for text in ["4x8", "4X8", "4×8"] {
            assert_eq!(text.parse(), Ok(Grid { rows: 4, columns: 8 }));
        }
        for bad in ["", "4", "4x", "x8", "0x8", "4x8x2", "-4x8", "1000x1000", "4,8"] {
            assert!(bad.parse::<Grid>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn images_are_distributed_evenly_over_the_classes_in_order() {
        let grid = Grid { rows: 2, columns: 4 };
        assert_eq!(SampleGrid::new(grid, 8, &[7, 3]).labels, [7, 7, 7, 7, 3, 3, 3, 3]);
        assert_eq!(SampleGrid::new(grid, 5, &[7, 3]).labels, [7, 7, 7, 3, 3]);
        assert_eq!(SampleGrid::new(grid, 2, &[4, 5, 6, 7]).labels, [4, 6]);
        assert_eq!(SampleGrid::new(grid, 1, &[9]).labels, [9]);
    }
}

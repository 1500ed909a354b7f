//! How many images a picture shows, of which classes, and in how many rows and columns.

use super::preset::{Grid, Preset};

/// Images of each class in a row.
const PER_CLASS: usize = 10;

/// Generated images in rows and columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Arrangement {
    /// The places: at least as many as there are images.
    pub grid: Grid,
    /// How many images there are, row by row.
    pub count: usize,
    /// A label for each image; none where the set-up has no classes.
    pub labels: Vec<u32>,
}

impl Arrangement {
    /// The picture that training makes: a row per class, or the preset's grid without classes.
    pub fn standard(preset: &Preset, classes: Option<usize>) -> Self {
        let classes: Vec<u32> = (0..classes.unwrap_or(0) as u32).collect();
        let grid = standard_grid(preset, &classes);
        Self::new(grid, grid.rows * grid.columns, &classes)
    }

    /// `count` images divided among `classes`: as many of one as of another, one class after the
    /// other. Without classes no image has a label.
    ///
    /// # Panics
    /// When the grid has not enough places.
    pub fn new(grid: Grid, count: usize, classes: &[u32]) -> Self {
        assert!(count <= grid.rows * grid.columns, "{count} images in {grid:?}");
        let label = |i: usize| classes.get(i * classes.len() / count).copied();
        Self { grid, count, labels: (0..count).filter_map(label).collect() }
    }
}

/// The grid that shows these classes as training does.
pub fn standard_grid(preset: &Preset, classes: &[u32]) -> Grid {
    match classes.len() {
        0 => preset.grid,
        rows => Grid { rows, columns: PER_CLASS },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gan::preset::find;

    #[test]
    fn training_shows_a_row_per_class_or_the_presets_grid() {
        let cgan = Arrangement::standard(find("cgan").unwrap(), Some(3));
        assert_eq!((cgan.grid, cgan.count), (Grid { rows: 3, columns: 10 }, 30));
        assert_eq!(cgan.labels, [[0; 10], [1; 10], [2; 10]].concat());
        let mlp = Arrangement::standard(find("mlp").unwrap(), None);
        assert_eq!((mlp.grid, mlp.count), (Grid { rows: 8, columns: 8 }, 64));
        assert!(mlp.labels.is_empty());
    }

    #[test]
    fn images_are_divided_evenly_among_the_classes_in_their_order() {
        let grid = Grid { rows: 2, columns: 4 };
        assert_eq!(Arrangement::new(grid, 8, &[7, 3]).labels, [7, 7, 7, 7, 3, 3, 3, 3]);
        assert_eq!(Arrangement::new(grid, 5, &[7, 3]).labels, [7, 7, 7, 3, 3]);
        assert_eq!(Arrangement::new(grid, 2, &[4, 5, 6, 7]).labels, [4, 6]);
        assert_eq!(Arrangement::new(grid, 1, &[9]).labels, [9]);
    }
}

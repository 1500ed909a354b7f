//! The frames of an interpolation: one image grid of all classes per step.

use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::cli::error::Result;
use crate::data::ImageShape;
use crate::formats::files::write_atomic;
use crate::formats::gif::Animation;
use crate::gan::sample_grid::Grid;
use crate::picture;
use crate::picture::grid::Picture;

/// One image grid per step.
pub(super) struct Frames {
    pictures: Vec<Picture>,
    channels: usize,
}

/// The rows and columns of a frame with one image per class.
pub(super) fn frame_grid(classes: usize) -> Grid {
    let columns = (classes as f64).sqrt().ceil() as usize;
    Grid { rows: classes.div_ceil(columns), columns }
}

impl Frames {
    /// Empty frames for the images of `grid`, which has one row per class and one column per step.
    pub(super) fn new(shape: ImageShape, grid: Grid) -> Frames {
        let Grid { rows, columns } = frame_grid(grid.rows);
        let picture = |_| Picture::new(shape, rows, columns);
        Frames { pictures: (0..grid.columns).map(picture).collect(), channels: shape.channels }
    }

    /// Adds images, the first of which has index `first` in the grid, row by row.
    pub(super) fn draw(&mut self, first: usize, images: &[f32], shape: ImageShape) {
        let steps = self.pictures.len();
        for (i, image) in images.chunks_exact(shape.pixels()).enumerate() {
            let (class, step) = ((first + i) / steps, (first + i) % steps);
            self.pictures[step].draw(class, image);
        }
    }

    /// Writes a GIF that runs forward and back, so that it loops smoothly.
    pub(super) fn write_gif(&self, path: &Path, fps: u32) -> Result<()> {
        let gif = self.gif(Duration::from_secs(1) / fps);
        let problem = |problem| picture::Error::Gif { path: path.to_owned(), problem };
        Ok(write_atomic(path, &gif.map_err(problem)?)?)
    }

    fn gif(&self, duration: Duration) -> std::result::Result<Vec<u8>, String> {
        let back = self.pictures[1..self.pictures.len() - 1].iter().rev();
        let mut animation = Animation::new(self.size(), self.channels)?;
        for picture in self.pictures.iter().chain(back) {
            animation.add(picture.bytes(), duration)?;
        }
        animation.finish()
    }

    /// Writes one file per step.
    pub(super) fn write_each(&self, folder: &Path) -> Result<()> {
        for (step, picture) in self.pictures.iter().enumerate() {
            picture.write(&frame_file(folder, step))?;
        }
        Ok(())
    }

    /// Width and height of a frame.
    pub(super) fn size(&self) -> (usize, usize) {
        self.pictures[0].size()
    }
}

/// The file of a step.
pub(super) fn frame_file(folder: &Path, step: usize) -> PathBuf {
    folder.join(format!("{step:06}.png"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_nearly_square() {
        for (classes, rows, columns) in [(1, 1, 1), (2, 1, 2), (3, 2, 2), (10, 3, 4), (100, 10, 10)]
        {
            assert_eq!(frame_grid(classes), Grid { rows, columns }, "{classes}");
        }
    }
}

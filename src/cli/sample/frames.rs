//! The way from one seed to another as moving pictures: one for each step, of all labels.

use std::path::{Path, PathBuf};
use std::time::Duration;

use gan_cuda::data::ImageShape;
use gan_cuda::formats::files::write_atomic;
use gan_cuda::formats::gif::Animation;
use gan_cuda::gan::arrangement::Grid;
use gan_cuda::picture;
use gan_cuda::picture::grid::Picture;

use crate::cli::error::Result;

/// A picture for each step.
pub(super) struct Frames {
    pictures: Vec<Picture>,
    channels: usize,
}

/// The rows and columns of a frame that shows an image of each of so many labels.
pub(super) fn frame_grid(labels: usize) -> Grid {
    let columns = (labels as f64).sqrt().ceil() as usize;
    Grid { rows: labels.div_ceil(columns), columns }
}

impl Frames {
    /// Empty ones for images in `places`: a row for each label, a column for each step.
    pub(super) fn new(shape: ImageShape, places: Grid) -> Frames {
        let Grid { rows, columns } = frame_grid(places.rows);
        let picture = |_| Picture::new(shape, rows, columns);
        Frames { pictures: (0..places.columns).map(picture).collect(), channels: shape.channels }
    }

    /// Draws images at the places from `first` on, row by row.
    pub(super) fn draw(&mut self, first: usize, images: &[f32], shape: ImageShape) {
        let steps = self.pictures.len();
        for (i, image) in images.chunks_exact(shape.pixels()).enumerate() {
            let (label, step) = ((first + i) / steps, (first + i) % steps);
            self.pictures[step].draw(label, image);
        }
    }

    /// Writes a GIF that goes there and back, so that it never jumps.
    pub(super) fn write_gif(&self, path: &Path, fps: u32) -> Result<()> {
        let gif = self.gif(Duration::from_secs(1) / fps);
        let problem = |problem| picture::Error::Gif { path: path.to_owned(), problem };
        Ok(write_atomic(path, &gif.map_err(problem)?)?)
    }

    fn gif(&self, shown: Duration) -> std::result::Result<Vec<u8>, String> {
        let back = self.pictures[1..self.pictures.len() - 1].iter().rev();
        let mut animation = Animation::new(self.size(), self.channels)?;
        for picture in self.pictures.iter().chain(back) {
            animation.add(picture.bytes(), shown)?;
        }
        animation.finish()
    }

    /// Writes each step to a file of its own.
    pub(super) fn write_each(&self, folder: &Path) -> Result<()> {
        for (step, picture) in self.pictures.iter().enumerate() {
            picture.write(&frame_file(folder, step))?;
        }
        Ok(())
    }

    /// Width and height of each.
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
        for (labels, rows, columns) in [(1, 1, 1), (2, 1, 2), (3, 2, 2), (10, 3, 4), (100, 10, 10)]
        {
            assert_eq!(frame_grid(labels), Grid { rows, columns }, "{labels}");
        }
    }
}

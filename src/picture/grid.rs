//! A grid of images as one PNG, laid out as torchvision's `save_image` does.
//!
//! <https://docs.pytorch.org/vision/stable/generated/torchvision.utils.save_image.html>

use std::path::Path;

use crate::data::ImageShape;
use crate::formats::files::write_atomic;
use crate::formats::png::encode_png;
use crate::picture::Result;

/// Width of the black border around and between images, in pixels.
const PADDING: usize = 2;

/// Writes a grid of images, `columns` in a row, atomically.
///
/// `images`: (count, channels, height, width), from -1 (black) to 1 (white); values outside are
/// clamped, NaN is black. A single image has no padding, as in torchvision. Panics when there are
/// no images, when the last image is incomplete, or when images are neither grey nor RGB.
///
/// # Errors
/// When the file cannot be written.
pub fn write_grid(path: &Path, images: &[f32], shape: ImageShape, columns: usize) -> Result<()> {
    Picture::of(images, shape, columns).write(path)
}

/// A grid with a cell for each image; empty cells are black.
pub struct Picture {
    shape: ImageShape,
    columns: usize,
    size: (usize, usize),
    padding: usize,
    /// (height, width, channels).
    bytes: Vec<u8>,
}

impl Picture {
    /// A grid with cells for images of `shape`. A single cell has no padding.
    pub fn new(shape: ImageShape, rows: usize, columns: usize) -> Picture {
        let padding = padding(rows, columns);
        let size = size(shape, rows, columns);
        let bytes = vec![0; size.0 * size.1 * shape.channels];
        Picture { shape, columns, size, padding, bytes }
    }

    /// The grid that [`write_grid`] writes.
    ///
    /// # Panics
    /// As [`write_grid`].
    pub fn of(images: &[f32], shape: ImageShape, columns: usize) -> Picture {
        assert!(!images.is_empty() && columns > 0, "a grid of no images");
        let count = images.len() / shape.pixels();
        let columns = columns.min(count);
        let mut picture = Picture::new(shape, count.div_ceil(columns), columns);
        picture.draw(0, images);
        picture
    }

    /// Draws images, as [`write_grid`] takes them, into the cells from `first` on, row by row.
    ///
    /// # Panics
    /// When there is no such cell, or the last image is incomplete.
    pub fn draw(&mut self, first: usize, images: &[f32]) {
        assert_eq!(images.len() % self.shape.pixels(), 0, "part of an image of {:?}", self.shape);
        for (i, image) in images.chunks_exact(self.shape.pixels()).enumerate() {
            let (row, column) = ((first + i) / self.columns, (first + i) % self.columns);
            let top = self.padding + row * (self.shape.height + self.padding);
            let left = self.padding + column * (self.shape.width + self.padding);
            self.draw_image(image, top, left);
        }
    }

    /// Writes the grid atomically. Panics when it is neither grey nor RGB.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&self, path: &Path) -> Result<()> {
        Ok(write_atomic(path, &self.png(path)?)?)
    }

    /// The grid as a PNG; `path` appears in error messages. Panics when it is neither grey nor RGB.
    ///
    /// # Errors
    /// When it is larger than PNG allows.
    pub fn png(&self, path: &Path) -> Result<Vec<u8>> {
        let color = match self.shape.channels {
            1 => png::ColorType::Grayscale,
            3 => png::ColorType::Rgb,
            channels => panic!("{channels} channels are neither grey nor RGB"),
        };
        Ok(encode_png(path, self.size, color, &self.bytes)?)
    }

    /// The pixels: (height, width, channels), row by row.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Width and height in pixels.
    pub fn size(&self) -> (usize, usize) {
        self.size
    }

    /// Draws an image (channels first) at a position of the grid (channels last).
    fn draw_image(&mut self, image: &[f32], top: usize, left: usize) {
        let ImageShape { channels, height, width } = self.shape;
        for (channel, plane) in image.chunks_exact(height * width).enumerate() {
            for (y, row) in plane.chunks_exact(width).enumerate() {
                let start = ((top + y) * self.size.0 + left) * channels + channel;
                let bytes = self.bytes[start..].iter_mut().step_by(channels);
                bytes.zip(row).for_each(|(pixel, &value)| *pixel = byte(value));
            }
        }
    }
}

/// Width and height in pixels of a [`Picture`] with this number of rows and columns, even if it
/// does not fit into memory.
pub fn size(shape: ImageShape, rows: usize, columns: usize) -> (usize, usize) {
    let padding = padding(rows, columns);
    let length = |cells: usize, size: usize| cells * (size + padding) + padding;
    (length(columns, shape.width), length(rows, shape.height))
}

fn padding(rows: usize, columns: usize) -> usize {
    if rows * columns == 1 { 0 } else { PADDING }
}

/// Converts a pixel from [-1, 1] to a byte; values outside are clamped, NaN is 0.
pub fn byte(value: f32) -> u8 {
    ((value + 1.0) * 127.5).round() as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_and_read(
        images: &[f32],
        shape: ImageShape,
        columns: usize,
    ) -> (png::Info<'static>, Vec<u8>) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("000400.png");
        write_grid(&path, images, shape, columns).unwrap();
        let file = std::io::BufReader::new(std::fs::File::open(&path).unwrap());
        let mut reader = png::Decoder::new(file).read_info().unwrap();
        let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut bytes).unwrap();
        (reader.info().clone(), bytes)
    }

    #[test]
    fn values_are_converted_to_bytes_as_in_torchvision() {
        let pairs = [(-1.0, 0), (1.0, 255), (0.0, 128), (-1.5, 0), (9.0, 255), (-0.5, 64)];
        pairs.iter().for_each(|&(value, want)| assert_eq!(byte(value), want, "{value}"));
        let odd = [(f32::NAN, 0), (f32::INFINITY, 255), (f32::NEG_INFINITY, 0)];
        odd.iter().for_each(|&(value, want)| assert_eq!(byte(value), want, "{value}"));
    }

    #[test]
    fn grey_grid_has_two_black_pixels_between_images() {
        let shape = ImageShape { channels: 1, height: 1, width: 2 };
        let images = [1.0, 0.0, -1.0, 1.0, 0.5, 1.0];
        let (info, bytes) = write_and_read(&images, shape, 2);
        assert_eq!((info.width, info.height), (10, 8));
        assert_eq!(info.color_type, png::ColorType::Grayscale);
        assert_eq!(bytes[20..30], [0, 0, 255, 128, 0, 0, 0, 255, 0, 0]);
        assert_eq!(bytes[50..60], [0, 0, 191, 255, 0, 0, 0, 0, 0, 0]);
        assert!(
            [&bytes[..20], &bytes[30..50], &bytes[60..]].concat().iter().all(|&byte| byte == 0)
        );
    }

    #[test]
    fn colour_channels_are_interleaved() {
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let (info, bytes) = write_and_read(&[-1.0, 1.0, 0.0, 1.0, 1.0, 1.0], shape, 8);
        assert_eq!((info.width, info.height), (2, 1));
        assert_eq!(bytes, [0, 128, 255, 255, 255, 255]);
    }

    #[test]
    fn grid_drawn_in_parts_is_the_same_and_empty_cells_are_black() {
        let shape = ImageShape { channels: 1, height: 2, width: 2 };
        let images: Vec<f32> = (0..20).map(|i| i as f32 / 10.0 - 1.0).collect();
        let mut whole = Picture::new(shape, 3, 2);
        whole.draw(0, &images);
        let mut parts = Picture::new(shape, 3, 2);
        parts.draw(3, &images[12..]);
        parts.draw(0, &images[..12]);
        assert_eq!((whole.size(), whole.bytes), (parts.size(), parts.bytes.clone()));
        let last = |y: usize| &parts.bytes[(10 + y) * 10 + 6..][..2];
        assert_eq!((parts.size(), last(0), last(1)), ((10, 14), &[0, 0][..], &[0, 0][..]));
    }

    #[test]
    fn fewer_images_than_columns_make_a_narrow_grid() {
        let shape = ImageShape { channels: 1, height: 3, width: 3 };
        let (info, _) = write_and_read(&[0.0; 18], shape, 8);
        assert_eq!((info.width, info.height), (12, 7));
    }
}

//! A grid of images as one PNG, laid out as torchvision's `save_image` does.
//!
//! <https://docs.pytorch.org/vision/stable/generated/torchvision.utils.save_image.html>

use std::path::Path;

use super::files::write_png;
use crate::Result;
use crate::data::ImageShape;

/// Black pixels around and between images.
const PADDING: usize = 2;

/// Writes a grid of images, `columns` in a row, whole or not at all.
///
/// `images`: (count, channels, height, width), from -1 (black) to 1 (white); what lies outside is
/// clamped, NaN is black. One image alone has no padding, as with torchvision. Panics when there
/// are no images, or `shape` does not divide them, or it is neither grey nor RGB.
///
/// # Errors
/// When the file cannot be written.
pub fn write_grid(path: &Path, images: &[f32], shape: ImageShape, columns: usize) -> Result<()> {
    let grid = Grid::new(images.len(), shape, columns);
    let color = match shape.channels {
        1 => png::ColorType::Grayscale,
        3 => png::ColorType::Rgb,
        channels => panic!("{channels} channels are neither grey nor RGB"),
    };
    write_png(path, (grid.width(), grid.height()), color, &grid.draw(images))
}

struct Grid {
    shape: ImageShape,
    columns: usize,
    rows: usize,
    padding: usize,
}

impl Grid {
    fn new(numbers: usize, shape: ImageShape, columns: usize) -> Grid {
        assert!(numbers > 0 && columns > 0, "a grid of no images");
        assert_eq!(numbers % shape.pixels(), 0, "part of an image of {shape:?}");
        let count = numbers / shape.pixels();
        let columns = columns.min(count);
        let padding = if count == 1 { 0 } else { PADDING };
        Grid { shape, columns, rows: count.div_ceil(columns), padding }
    }

    fn width(&self) -> usize {
        self.columns * (self.shape.width + self.padding) + self.padding
    }

    fn height(&self) -> usize {
        self.rows * (self.shape.height + self.padding) + self.padding
    }

    /// The grid's bytes: (height, width, channels).
    fn draw(&self, images: &[f32]) -> Vec<u8> {
        let mut bytes = vec![0; self.height() * self.width() * self.shape.channels];
        for (index, image) in images.chunks_exact(self.shape.pixels()).enumerate() {
            let top = self.padding + index / self.columns * (self.shape.height + self.padding);
            let left = self.padding + index % self.columns * (self.shape.width + self.padding);
            self.place(&mut bytes, image, top, left);
        }
        bytes
    }

    /// Puts one image, plane by plane, at a place in the grid, pixel by pixel.
    fn place(&self, bytes: &mut [u8], image: &[f32], top: usize, left: usize) {
        let ImageShape { channels, height, width } = self.shape;
        for (channel, plane) in image.chunks_exact(height * width).enumerate() {
            for (y, row) in plane.chunks_exact(width).enumerate() {
                let start = ((top + y) * self.width() + left) * channels + channel;
                let places = bytes[start..].iter_mut().step_by(channels);
                places.zip(row).for_each(|(byte, &value)| *byte = grey(value));
            }
        }
    }
}

/// -1…1 to 0…255; the cast clamps, and takes NaN to 0.
fn grey(value: f32) -> u8 {
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
    fn numbers_map_to_bytes_as_torchvision_does() {
        let pairs = [(-1.0, 0), (1.0, 255), (0.0, 128), (-1.5, 0), (9.0, 255), (-0.5, 64)];
        pairs.iter().for_each(|&(value, byte)| assert_eq!(grey(value), byte, "{value}"));
        let odd = [(f32::NAN, 0), (f32::INFINITY, 255), (f32::NEG_INFINITY, 0)];
        odd.iter().for_each(|&(value, byte)| assert_eq!(grey(value), byte, "{value}"));
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
    fn colour_planes_become_pixels() {
        let shape = ImageShape { channels: 3, height: 1, width: 2 };
        let (info, bytes) = write_and_read(&[-1.0, 1.0, 0.0, 1.0, 1.0, 1.0], shape, 8);
        assert_eq!((info.width, info.height), (2, 1));
        assert_eq!(bytes, [0, 128, 255, 255, 255, 255]);
    }

    #[test]
    fn fewer_images_than_columns_make_a_narrow_grid() {
        let shape = ImageShape { channels: 1, height: 3, width: 3 };
        let (info, _) = write_and_read(&[0.0; 18], shape, 8);
        assert_eq!((info.width, info.height), (12, 7));
    }
}

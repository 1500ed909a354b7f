//! PNG files, written without this program's mark.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;

use png::{BitDepth, ColorType, Decoder, Encoder};

/// Width, height and bytes of an image of 8 bits per sample.
#[derive(Debug, PartialEq)]
pub struct Image {
    pub size: (u32, u32),
    pub bytes: Vec<u8>,
}

/// An RGB image as a PNG file; `pixel(x, y)`.
pub fn rgb(width: u32, height: u32, pixel: impl Fn(u32, u32) -> [u8; 3]) -> Vec<u8> {
    encode(ColorType::Rgb, [width, height], pixel)
}

/// A grey image as a PNG file; `pixel(x, y)`.
pub fn grey(width: u32, height: u32, pixel: impl Fn(u32, u32) -> u8) -> Vec<u8> {
    encode(ColorType::Grayscale, [width, height], |x, y| [pixel(x, y)])
}

fn encode<const N: usize>(
    color: ColorType,
    [width, height]: [u32; 2],
    pixel: impl Fn(u32, u32) -> [u8; N],
) -> Vec<u8> {
    let (mut bytes, mut samples) = (Vec::new(), Vec::new());
    for y in 0..height {
        (0..width).for_each(|x| samples.extend(pixel(x, y)));
    }
    let mut encoder = Encoder::new(&mut bytes, width, height);
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.write_header().unwrap().write_image_data(&samples).unwrap();
    bytes
}

/// Reads a PNG file.
pub fn read(path: &Path) -> Image {
    let mut reader = Decoder::new(BufReader::new(File::open(path).unwrap())).read_info().unwrap();
    let mut bytes = vec![0; reader.output_buffer_size().unwrap()];
    let frame = reader.next_frame(&mut bytes).unwrap();
    assert_eq!(frame.bit_depth, BitDepth::Eight);
    Image { size: (frame.width, frame.height), bytes }
}

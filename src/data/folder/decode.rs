//! One image: from the bytes of a file to planes of red, green and blue, or of grey.
//!
//! Owns the limits that keep a small file from taking all memory, and what becomes of the ways in
//! which pictures differ: 16 bits are rounded to 8, palettes, CMYK and grey become red, green and
//! blue, of a moving picture the first frame is taken, and a camera's note of how it was held is
//! honoured. What is transparent is laid on white, as on the page where such pictures are seen; the
//! colour stored beneath it is left over from drawing, often black, and would give hard edges.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use image::{Rgb, RgbImage, RgbaImage};

use super::problem::{ImageProblem, MAX_BYTES, MAX_PIXELS, MAX_SIDE};
use crate::data::{ImageShape, resize};

/// Decodes the bytes of an image file into the shape asked for: (channels, height, width), cropped
/// to a square in the middle and resized. The content tells the format, whatever the file is called.
/// No bytes make it panic.
///
/// # Errors
/// Any [`ImageProblem`] but that of reading.
pub fn decode_image(bytes: &[u8], shape: ImageShape) -> Result<Vec<u8>, ImageProblem> {
    let picture = decode(bytes)?;
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    let from = ImageShape { channels: 3, height, width };
    resize::reshape(&planes(&on_white(picture)), from, shape).map_err(ImageProblem::Damaged)
}

/// The picture, upright.
fn decode(bytes: &[u8]) -> Result<DynamicImage, ImageProblem> {
    let format = image::guess_format(bytes).map_err(|_| ImageProblem::Unknown)?;
    if format == ImageFormat::Jpeg && !jpeg_has_end(bytes) {
        return Err(ImageProblem::CutOff);
    }
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageProblem::TooLarge);
    }
    limits().reserve(decoder.total_bytes())?;
    // A picture whose note cannot be read is still a picture.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(MAX_BYTES);
    limits
}

impl From<ImageError> for ImageProblem {
    fn from(error: ImageError) -> ImageProblem {
        match error {
            ImageError::Limits(_) => ImageProblem::TooLarge,
            error => ImageProblem::Damaged(error.to_string()),
        }
    }
}

fn on_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture: RgbaImage = picture.into_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [colour @ .., alpha] = picture.get_pixel(x, y).0;
        Rgb(colour.map(|level| blend(level, alpha)))
    })
}

/// A level over white, `alpha` 255ths of it: level · alpha + 255 · (255 − alpha), in 255ths.
fn blend(level: u8, alpha: u8) -> u8 {
    let (level, alpha) = (u32::from(level), u32::from(alpha));
    ((level * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

/// (height, width, 3) to (3, height, width).
fn planes(picture: &RgbImage) -> Vec<u8> {
    (0..3).flat_map(|channel| picture.pixels().map(move |pixel| pixel[channel])).collect()
}

/// Whether there is an end-of-image marker behind the first scan's beginning. The decoder fills up
/// what is missing with grey, and a half-loaded JPEG is what bad folders have most of.
fn jpeg_has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    // Segments: 0xff, a marker, and for all that come before a scan a length that counts itself.
    while let &[0xff, marker, high, low, ..] = rest {
        match marker {
            0xda => return rest.windows(2).any(|pair| pair == [0xff, 0xd9]),
            0xff => rest = &rest[1..],
            _ => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(2 + length..).unwrap_or_default();
            }
        }
    }
    false
}

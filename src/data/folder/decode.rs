//! Decodes one image file to planes of red, green and blue, or of grey.
//!
//! Normalizes image formats: 16 bits are rounded to 8; palettes, CMYK and grey are converted to
//! RGB; the first frame of an animation is used; the Exif orientation is applied. Transparent
//! images are composited on white, as they are usually displayed: the colour stored under
//! transparent pixels is arbitrary, often black, and would give hard edges.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};

use super::format::{format_of, is_tga, unsupported_format};
use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};
use super::{jpeg, png, webp};
use crate::data::{ImageShape, resize};

/// Decodes the bytes of an image file into the given shape (channels, height, width): cropped to
/// the central square and resized. The format is detected by content, whatever the file extension
/// is; only TGA, which has no magic number, is detected by `name`. No bytes make it panic.
///
/// # Errors
/// Any [`ImageProblem`] except that of reading.
pub fn decode_image(bytes: &[u8], name: &Path, shape: ImageShape) -> Result<Vec<u8>, ImageProblem> {
    decode(bytes, name, shape, false)
}

/// As [`decode_image`]; with `exact_size` the image must have the height and width of `shape`.
pub(super) fn decode(
    bytes: &[u8],
    name: &Path,
    shape: ImageShape,
    exact_size: bool,
) -> Result<Vec<u8>, ImageProblem> {
    let image = upright(bytes, format(bytes, name)?)?;
    let (height, width) = (image.height() as usize, image.width() as usize);
    let from = ImageShape { channels: 3, height, width };
    if exact_size && (height, width) != (shape.height, shape.width) {
        return Err(ImageProblem::OtherSize {
            got: [height, width],
            want: [shape.height, shape.width],
        });
    }
    resize::try_reshape(&planes(image), from, shape).map_err(ImageProblem::Damaged)
}

fn format(bytes: &[u8], name: &Path) -> Result<ImageFormat, ImageProblem> {
    match format_of(bytes) {
        Some(format) => Ok(format),
        None if bytes.is_empty() => Err(ImageProblem::Empty),
        None => match unsupported_format(bytes) {
            Some(what) => Err(ImageProblem::UnsupportedFormat(what)),
            None if is_tga(name) => Ok(ImageFormat::Tga),
            None => Err(ImageProblem::UnknownFormat),
        },
    }
}

/// The decoded image in its display orientation. Defects that common readers tolerate are
/// tolerated.
fn upright(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, ImageProblem> {
    let Decoded { mut image, orientation } = match format {
        ImageFormat::Jpeg => jpeg::decode(bytes),
        ImageFormat::Png => png::decode(bytes),
        ImageFormat::WebP => webp::decode(bytes),
        _ => decode_as(bytes, format),
    }?;
    image.apply_orientation(orientation);
    let bitmap = matches!(format, ImageFormat::Bmp | ImageFormat::Tga);
    Ok(if bitmap { without_blank_alpha(image) } else { image })
}

/// 32-bit bitmaps often have an alpha channel that nobody filled in: all zeros.
fn without_blank_alpha(image: DynamicImage) -> DynamicImage {
    let blank = |image: &RgbaImage| image.pixels().all(|pixel| pixel[3] == 0);
    match image {
        DynamicImage::ImageRgba8(rgba) if blank(&rgba) => {
            DynamicImage::ImageRgb8(RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
                let [colour @ .., _] = rgba.get_pixel(x, y).0;
                Rgb(colour)
            }))
        }
        image => image,
    }
}

/// Channels first: (3, height, width). Transparent pixels are composited on white.
fn planes(image: DynamicImage) -> Vec<u8> {
    if image.color().has_alpha() {
        let image = image.into_rgba8();
        let (pixels, _) = image.as_chunks::<4>();
        separated(pixels, |pixel, channel| blend(pixel[channel], pixel[3]))
    } else {
        let image = image.into_rgb8();
        let (pixels, _) = image.as_chunks::<3>();
        separated(pixels, |pixel, channel| pixel[channel])
    }
}

/// A plane for each of red, green and blue.
fn separated<const N: usize>(pixels: &[[u8; N]], level: impl Fn(&[u8; N], usize) -> u8) -> Vec<u8> {
    let mut planes = Vec::with_capacity(3 * pixels.len());
    for channel in 0..3 {
        planes.extend(pixels.iter().map(|pixel| level(pixel, channel)));
    }
    planes
}

/// Composites a level over white: level · alpha + 255 · (255 − alpha), divided by 255.
fn blend(level: u8, alpha: u8) -> u8 {
    let (level, alpha) = (u32::from(level), u32::from(alpha));
    ((level * alpha + 255 * (255 - alpha) + 127) / 255) as u8
}

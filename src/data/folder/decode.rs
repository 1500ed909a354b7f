//! One image: from the bytes of a file to planes of red, green and blue, or of grey.
//!
//! Owns what becomes of the ways in which pictures differ: 16 bits are rounded to 8, palettes, CMYK and grey become red, green and
//! blue, of a moving picture the first frame is taken, and a camera's note of how it was held is
//! honoured. What is transparent is laid on white, as on the page where such pictures are seen; the
//! colour stored beneath it is left over from drawing, often black, and would give hard edges.

use std::path::Path;

use image::{DynamicImage, ImageFormat, Rgb, RgbImage, RgbaImage};

use super::format::{foreign, format_of, is_tga};
use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};
use super::{jpeg, png, webp};
use crate::data::{ImageShape, resize};

/// Decodes the bytes of an image file into the shape asked for: (channels, height, width), cropped
/// to a square in the middle and resized. The content tells the format, whatever the file is called;
/// only TGA, whose content does not, goes by `name`. No bytes make it panic.
///
/// # Errors
/// Any [`ImageProblem`] but that of reading.
pub fn decode_image(bytes: &[u8], name: &Path, shape: ImageShape) -> Result<Vec<u8>, ImageProblem> {
    decode(bytes, name, shape, false)
}

/// The same; an `exact` image has the shape's rows and columns already.
pub(super) fn decode(
    bytes: &[u8],
    name: &Path,
    shape: ImageShape,
    exact: bool,
) -> Result<Vec<u8>, ImageProblem> {
    let picture = upright(bytes, format(bytes, name)?)?;
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    let from = ImageShape { channels: 3, height, width };
    if exact && (height, width) != (shape.height, shape.width) {
        return Err(ImageProblem::OtherSize {
            got: [height, width],
            want: [shape.height, shape.width],
        });
    }
    resize::reshaped(&planes(&on_white(picture)), from, shape).map_err(ImageProblem::Damaged)
}

fn format(bytes: &[u8], name: &Path) -> Result<ImageFormat, ImageProblem> {
    match format_of(bytes) {
        Some(format) => Ok(format),
        None if bytes.is_empty() => Err(ImageProblem::Empty),
        None => match foreign(bytes) {
            Some(what) => Err(ImageProblem::Foreign(what)),
            None if is_tga(name) => Ok(ImageFormat::Tga),
            None => Err(ImageProblem::Unknown),
        },
    }
}

/// The picture as it was meant to be seen. What common readers put up with is put up with.
fn upright(bytes: &[u8], format: ImageFormat) -> Result<DynamicImage, ImageProblem> {
    let Decoded { mut picture, orientation } = match format {
        ImageFormat::Jpeg => jpeg::decode(bytes),
        ImageFormat::Png => png::decode(bytes),
        ImageFormat::WebP => webp::decode(bytes),
        _ => decode_as(bytes, format),
    }?;
    picture.apply_orientation(orientation);
    let bitmap = matches!(format, ImageFormat::Bmp | ImageFormat::Tga);
    Ok(if bitmap { without_blank_alpha(picture) } else { picture })
}

/// Bitmaps of 32 bits often have zeros in the place of an alpha channel that nobody filled in.
fn without_blank_alpha(picture: DynamicImage) -> DynamicImage {
    let blank = |picture: &RgbaImage| picture.pixels().all(|pixel| pixel[3] == 0);
    match picture {
        DynamicImage::ImageRgba8(rgba) if blank(&rgba) => {
            DynamicImage::ImageRgb8(RgbImage::from_fn(rgba.width(), rgba.height(), |x, y| {
                let [colour @ .., _] = rgba.get_pixel(x, y).0;
                Rgb(colour)
            }))
        }
        picture => picture,
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

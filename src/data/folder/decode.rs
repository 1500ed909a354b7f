//! One image: from the bytes of a file to planes of red, green and blue, or of grey.
//!
//! Owns the limits that keep a small file from taking all memory, and what becomes of the ways in
//! which pictures differ: 16 bits are rounded to 8, palettes, CMYK and grey become red, green and
//! blue, of a moving picture the first frame is taken, and a camera's note of how it was held is
//! honoured. What is transparent is laid on white, as on the page where such pictures are seen; the
//! colour stored beneath it is left over from drawing, often black, and would give hard edges.

use std::io::Cursor;
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use image::{Rgb, RgbImage, RgbaImage};

use super::listing::TGA;
use super::problem::{ImageProblem, MAX_BYTES, MAX_PIXELS, MAX_SIDE};
use super::{jpeg, png, webp};
use crate::data::{ImageShape, resize};

/// A picture as it is stored, and how the camera was held.
pub(super) struct Decoded {
    pub picture: DynamicImage,
    pub orientation: Orientation,
}

/// Decodes the bytes of an image file into the shape asked for: (channels, height, width), cropped
/// to a square in the middle and resized. The content tells the format, whatever the file is called;
/// only TGA, whose content does not, goes by `name`. No bytes make it panic.
///
/// # Errors
/// Any [`ImageProblem`] but that of reading.
pub fn decode_image(bytes: &[u8], name: &Path, shape: ImageShape) -> Result<Vec<u8>, ImageProblem> {
    let picture = upright(bytes, format(bytes, name)?)?;
    let (height, width) = (picture.height() as usize, picture.width() as usize);
    let from = ImageShape { channels: 3, height, width };
    resize::reshape(&planes(&on_white(picture)), from, shape).map_err(ImageProblem::Damaged)
}

/// The format of an image, by its first bytes.
pub(super) fn format_of(bytes: &[u8]) -> Option<ImageFormat> {
    use ImageFormat::{Bmp, Gif, Jpeg, Png, Pnm, Qoi, Tiff, WebP};
    let format = image::guess_format(bytes).ok()?;
    [Png, Jpeg, WebP, Bmp, Gif, Tiff, Pnm, Qoi].contains(&format).then_some(format)
}

fn format(bytes: &[u8], name: &Path) -> Result<ImageFormat, ImageProblem> {
    let is_tga = || name.extension().is_some_and(|ending| ending.eq_ignore_ascii_case(TGA));
    match format_of(bytes) {
        Some(format) => Ok(format),
        None if bytes.is_empty() => Err(ImageProblem::Empty),
        None => match foreign(bytes) {
            Some(what) => Err(ImageProblem::Foreign(what)),
            None if is_tga() => Ok(ImageFormat::Tga),
            None => Err(ImageProblem::Unknown),
        },
    }
}

/// What a file is that has an image's name, if that is known and is not read.
fn foreign(bytes: &[u8]) -> Option<&'static str> {
    Some(match bytes {
        [_, _, _, _, b'f', b't', b'y', b'p', b'a', b'v', b'i', ..] => "AVIF",
        [_, _, _, _, b'f', b't', b'y', b'p', b'h' | b'm', b'e' | b'i', ..] => "HEIC",
        [0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', ..] => "JPEG XL",
        [0, 0, 0, 12, b'j', b'P', ..] | [0xff, 0x4f, 0xff, 0x51, ..] => "JPEG 2000",
        [b'8', b'B', b'P', b'S', ..] => "a Photoshop file",
        [b'%', b'P', b'D', b'F', ..] => "PDF",
        [0, 0, 1, 0, ..] => "an icon",
        [b'D', b'D', b'S', b' ', ..] => "DDS",
        [0x76, 0x2f, 0x31, 1, ..] => "OpenEXR",
        [b'#', b'?', b'R', ..] => "Radiance HDR",
        [b'<', b's', b'v', b'g', ..] => "SVG",
        _ => return None,
    })
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

/// What the decoder makes of it.
pub(super) fn decode_as(bytes: &[u8], format: ImageFormat) -> Result<Decoded, ImageProblem> {
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
    Ok(Decoded { picture: DynamicImage::from_decoder(decoder)?, orientation })
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

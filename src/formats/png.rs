//! PNG files of 8 bits per sample, with [our mark](crate::mark).

use std::path::Path;

use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::{Error, Result};
use crate::mark;

/// Encodes an image as a PNG file; `path` is for error messages.
///
/// `pixels`: (height, width, samples per pixel of `color`), row by row.
///
/// # Errors
/// If the width or height is 0 or exceeds the limit of PNG.
pub fn encode_png(
    path: &Path,
    size: (usize, usize),
    color: ColorType,
    pixels: &[u8],
) -> Result<Vec<u8>> {
    encoded(size, color, pixels).map_err(|source| Error::Png { path: path.to_owned(), source })
}

fn encoded(
    (width, height): (usize, usize),
    color: ColorType,
    pixels: &[u8],
) -> Result<Vec<u8>, EncodingError> {
    let side = |length: usize| u32::try_from(length).unwrap_or(0); // 0 is refused by the encoder
    let mut bytes = Vec::new();
    let mut encoder = Encoder::new(&mut bytes, side(width), side(height));
    encoder.set_color(color);
    encoder.set_depth(BitDepth::Eight);
    encoder.add_text_chunk(mark::PNG_KEYWORD.to_owned(), mark::NAME.to_owned())?;
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn png_has_the_mark() {
        let bytes = encode_png(Path::new("x.png"), (1, 1), ColorType::Rgb, &[1, 2, 3]).unwrap();
        assert!(
            mark::is_own_output(&bytes)
                && !mark::is_own_output(&bytes[..40])
                && !mark::is_own_output(b"\x89PNG")
        );
    }

    #[test]
    fn png_without_pixels_is_an_error() {
        let path = Path::new("empty.png");
        let error = encode_png(path, (0, 3), ColorType::Grayscale, &[]).unwrap_err();
        assert!(error.to_string().contains("empty.png"), "{error}");
    }
}

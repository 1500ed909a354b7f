//! Pictures of 8 bits, each with [our mark](crate::mark).

use std::path::Path;

use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::{Error, Result};
use crate::mark;

/// A picture as the bytes of a PNG that goes to `path`.
///
/// `pixels`: (height, width, samples per pixel of `color`), row by row.
///
/// # Errors
/// When a side is 0 or longer than PNG allows.
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
    fn picture_has_the_mark() {
        let bytes = encode_png(Path::new("x.png"), (1, 1), ColorType::Rgb, &[1, 2, 3]).unwrap();
        assert!(
            mark::is_ours(&bytes) && !mark::is_ours(&bytes[..40]) && !mark::is_ours(b"\x89PNG")
        );
    }

    #[test]
    fn picture_without_pixels_is_an_error() {
        let path = Path::new("empty.png");
        let error = encode_png(path, (0, 3), ColorType::Grayscale, &[]).unwrap_err();
        assert!(error.to_string().contains("empty.png"), "{error}");
    }
}

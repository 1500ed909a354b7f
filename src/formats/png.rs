//! Pictures of 8 bits.

use std::path::Path;

use png::{BitDepth, ColorType, Encoder, EncodingError};

use super::{Error, Result};

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
    let mut writer = encoder.write_header()?;
    writer.write_image_data(pixels)?;
    writer.finish()?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn picture_without_pixels_is_an_error() {
        let path = Path::new("empty.png");
        let error = encode_png(path, (0, 3), ColorType::Grayscale, &[]).unwrap_err();
        assert!(error.to_string().contains("empty.png"), "{error}");
    }
}

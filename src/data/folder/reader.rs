//! Runs the `image` crate's decoders, within limits that keep a small file from taking all memory.

use std::io::Cursor;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};

use super::problem::{ImageProblem, MAX_BYTES, MAX_PIXELS, MAX_SIDE};

/// An image as stored, and its Exif orientation.
pub(super) struct Decoded {
    pub image: DynamicImage,
    pub orientation: Orientation,
}

/// Decodes bytes in a known format.
pub(super) fn decode_as(bytes: &[u8], format: ImageFormat) -> Result<Decoded, ImageProblem> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    reader.limits(limits());
    let mut decoder = reader.into_decoder()?;
    let (width, height) = decoder.dimensions();
    if u64::from(width) * u64::from(height) > MAX_PIXELS {
        return Err(ImageProblem::TooLarge);
    }
    limits().reserve(decoder.total_bytes())?;
    // Invalid orientation metadata does not make an image unusable.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    Ok(Decoded { image: DynamicImage::from_decoder(decoder)?, orientation })
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

//! JPEG: whether all of a picture is there.
//!
//! A half-loaded JPEG is what bad folders have most of, and the decoder fills up what is missing
//! with grey. Whether there is an end-of-image marker does not tell: some programs leave it out, and
//! others put one behind a file that was cut off.

use image::{DynamicImage, GenericImageView, ImageFormat};

use super::decode::decode_as;
use super::problem::ImageProblem;

const END: [u8; 2] = [0xff, 0xd9];
const SCAN: u8 = 0xda;
/// The side of a block, the least that is missing.
const BLOCK: u32 = 8;

/// The picture, if none of it is missing.
pub(super) fn decode(bytes: &[u8]) -> Result<DynamicImage, ImageProblem> {
    let ended = has_end(bytes);
    match decode_as(bytes, ImageFormat::Jpeg) {
        Ok(picture) if ended && !has_plain_corner(&picture) => Ok(picture),
        Ok(picture) if picture == followed_by_more(bytes)? => Ok(picture),
        Err(problem) if ended => Err(problem),
        _ => Err(ImageProblem::CutOff),
    }
}

/// Whether there is an end-of-image marker behind the first scan's beginning.
fn has_end(bytes: &[u8]) -> bool {
    let mut rest = bytes.get(2..).unwrap_or_default();
    // Segments: 0xff, a marker, and for all that come before a scan a length that counts itself.
    while let &[0xff, marker, high, low, ..] = rest {
        match marker {
            SCAN => return rest.windows(2).any(|pair| pair == END),
            0xff => rest = &rest[1..],
            _ => {
                let length = usize::from(u16::from_be_bytes([high, low]));
                rest = rest.get(2 + length..).unwrap_or_default();
            }
        }
    }
    false
}

/// Whether the last block is of one colour, as those that are filled in are. After the picture was
/// turned upright it may be in any corner.
fn has_plain_corner(picture: &DynamicImage) -> bool {
    let (width, height) = picture.dimensions();
    let (right, low) = (width.saturating_sub(BLOCK), height.saturating_sub(BLOCK));
    let is_plain = |left: u32, top: u32| {
        let first = picture.get_pixel(left, top);
        let (rows, columns) = (top..(top + BLOCK).min(height), left..(left + BLOCK).min(width));
        rows.into_iter().all(|y| columns.clone().all(|x| picture.get_pixel(x, y) == first))
    };
    [(0, 0), (right, 0), (0, low), (right, low)].into_iter().any(|(x, y)| is_plain(x, y))
}

/// The picture with more data before its end. Where none was missing the decoder does not look at
/// it; else it shows in the picture.
fn followed_by_more(bytes: &[u8]) -> Result<DynamicImage, ImageProblem> {
    let body = bytes.strip_suffix(&END).unwrap_or(bytes);
    let more = vec![0x6a; body.len() + 64];
    decode_as(&[body, &more, &END].concat(), ImageFormat::Jpeg)
}

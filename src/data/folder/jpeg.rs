//! JPEG: detects truncated files.
//!
//! Truncated JPEGs are the most common defect in image folders, and the decoder fills in missing
//! parts. The end-of-image marker does not tell: some programs omit it, and others append one to a
//! truncated file.

use std::ops::Range;

use image::{DynamicImage, GenericImageView, ImageFormat, Pixel};

use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};

const END: [u8; 2] = [0xff, 0xd9];
const START_OF_SCAN: u8 = 0xda;
const PROGRESSIVE: u8 = 0xc2;
/// Size of a block, and the largest width of a minimum coded unit (MCU), in pixels.
const BLOCK: u32 = 8;
const MCU: u32 = 16;
/// Largest difference of levels between repeated blocks, due to rounding.
const ROUNDING: i16 = 4;

/// Decodes a complete image. If that fails, it is decoded again without metadata segments, because
/// libjpeg and browsers ignore invalid metadata.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageProblem> {
    let Some(segments) = Segments::of(bytes) else { return Err(ImageProblem::CutOff) };
    match decode_whole(bytes, &segments) {
        Err(ImageProblem::Damaged(problem)) if !segments.metadata.is_empty() => {
            let bare = decode_whole(&without_ranges(bytes, &segments.metadata), &segments);
            bare.map_err(|_| ImageProblem::Damaged(problem))
        }
        result => result,
    }
}

fn decode_whole(bytes: &[u8], segments: &Segments) -> Result<Decoded, ImageProblem> {
    let is_suspect = |image: &DynamicImage| {
        !segments.has_end_marker || segments.progressive || has_repeated_corner(image)
    };
    match decode_as(bytes, ImageFormat::Jpeg) {
        Ok(decoded) if !is_suspect(&decoded.image) => Ok(decoded),
        Ok(decoded) if is_complete(bytes, &decoded.image) => Ok(decoded),
        Err(problem) if segments.has_end_marker => Err(problem),
        _ => Err(ImageProblem::CutOff),
    }
}

/// The structure of a JPEG file.
struct Segments {
    /// Positions of metadata segments (APPn and COM).
    metadata: Vec<Range<usize>>,
    /// Whether the image is progressive; then parts of the last scan may be missing anywhere.
    progressive: bool,
    /// Whether there is an end-of-image marker after the beginning of the first scan.
    has_end_marker: bool,
}

impl Segments {
    /// `None` if there is no image.
    fn of(bytes: &[u8]) -> Option<Segments> {
        let mut segments =
            Segments { metadata: Vec::new(), progressive: false, has_end_marker: false };
        let mut at = 2;
        // Before the first scan: 0xff, a marker, and a length that includes itself.
        while let &[0xff, marker, high, low, ..] = bytes.get(at..)? {
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            match marker {
                START_OF_SCAN => {
                    segments.has_end_marker = bytes[at..].windows(2).any(|pair| pair == END);
                    return Some(segments);
                }
                0xff => {
                    at += 1;
                    continue;
                }
                PROGRESSIVE => segments.progressive = true,
                0xe0..=0xef | 0xfe => segments.metadata.push(at..end.min(bytes.len())),
                _ => {}
            }
            at = end;
        }
        // Junk between segments is left to the decoder.
        segments.has_end_marker = bytes.windows(2).any(|pair| pair == END);
        Some(segments)
    }
}

fn without_ranges(bytes: &[u8], parts: &[Range<usize>]) -> Vec<u8> {
    let starts = [0].into_iter().chain(parts.iter().map(|part| part.end));
    let ends = parts.iter().map(|part| part.start).chain([bytes.len()]);
    starts.zip(ends).flat_map(|(start, end)| &bytes[start..end]).copied().collect()
}

/// Whether the last block equals the one before it, except for brightness, as in parts that the
/// decoder filled in and in plain backgrounds.
fn has_repeated_corner(image: &DynamicImage) -> bool {
    let (width, height) = image.dimensions();
    let [left, top] = [width, height].map(|side| side.saturating_sub(1) / BLOCK * BLOCK);
    let Some(before) = left.checked_sub(MCU) else { return true };
    let level = |x, y| i16::from(image.get_pixel(x, y).to_luma()[0]);
    let (rows, columns) = (top..height.min(top + BLOCK), BLOCK.min(width - left));
    let positions = rows.flat_map(|y| (0..columns).map(move |x| (x, y)));
    let differences = positions.map(|(x, y)| level(left + x, y) - level(before + x, y));
    let (least, most) =
        differences.fold((i16::MAX, i16::MIN), |(least, most), d| (least.min(d), most.max(d)));
    most - least <= ROUNDING
}

/// Whether bytes inserted before the end change nothing. If part of the image is missing, the
/// decoder reads them as image data.
fn is_complete(bytes: &[u8], image: &DynamicImage) -> bool {
    let body = bytes.strip_suffix(&END).unwrap_or(bytes);
    let filler = vec![0x6a; body.len() + 64];
    let other = decode_as(&[body, &filler, &END].concat(), ImageFormat::Jpeg);
    other.is_ok_and(|other| other.image == *image)
}

//! JPEG: whether all of a picture is there.
//!
//! A half-loaded JPEG is what bad folders have most of, and the decoder makes something up for what
//! is missing. Whether there is an end-of-image marker does not tell: some programs leave it out,
//! and others put one behind a file that was cut off.

use std::ops::Range;

use image::{DynamicImage, GenericImageView, ImageFormat, Pixel};

use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};

const END: [u8; 2] = [0xff, 0xd9];
const SCAN: u8 = 0xda;
const PROGRESSIVE: u8 = 0xc2;
/// The side of a block, and the width of the blocks that are coded together, at most.
const BLOCK: u32 = 8;
const TOGETHER: u32 = 16;
/// Levels by which repeated blocks differ, by rounding.
const ROUNDING: i16 = 4;

/// The picture, if none of it is missing. If it cannot be read, it is read once more without what
/// programs and cameras noted in it, as libjpeg and browsers ignore notes that are wrong.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageProblem> {
    let Some(scan) = Scan::of(bytes) else { return Err(ImageProblem::CutOff) };
    match decode_whole(bytes, &scan) {
        Err(ImageProblem::Damaged(problem)) if !scan.notes.is_empty() => {
            let bare = decode_whole(&without(bytes, &scan.notes), &scan);
            bare.map_err(|_| ImageProblem::Damaged(problem))
        }
        result => result,
    }
}

fn decode_whole(bytes: &[u8], scan: &Scan) -> Result<Decoded, ImageProblem> {
    let is_suspect =
        |picture: &DynamicImage| !scan.ended || scan.progressive || has_repeated_corner(picture);
    match decode_as(bytes, ImageFormat::Jpeg) {
        Ok(decoded) if !is_suspect(&decoded.picture) => Ok(decoded),
        Ok(decoded) if is_whole(bytes, &decoded.picture) => Ok(decoded),
        Err(problem) if scan.ended => Err(problem),
        _ => Err(ImageProblem::CutOff),
    }
}

/// What the segments of a file say.
struct Scan {
    /// Where the notes of programs and cameras are.
    notes: Vec<Range<usize>>,
    /// Whether the picture comes in several passes, ever finer: then parts of the last may be missing
    /// anywhere.
    progressive: bool,
    /// Whether there is an end-of-image marker behind the first scan's beginning.
    ended: bool,
}

impl Scan {
    /// Nothing where there is no picture.
    fn of(bytes: &[u8]) -> Option<Scan> {
        let mut scan = Scan { notes: Vec::new(), progressive: false, ended: false };
        let mut at = 2;
        // Segments: 0xff, a marker, and for all that come before a scan a length that counts itself.
        while let &[0xff, marker, high, low, ..] = bytes.get(at..)? {
            let end = at + 2 + usize::from(u16::from_be_bytes([high, low]));
            match marker {
                SCAN => {
                    scan.ended = bytes[at..].windows(2).any(|pair| pair == END);
                    return Some(scan);
                }
                0xff => {
                    at += 1;
                    continue;
                }
                PROGRESSIVE => scan.progressive = true,
                0xe0..=0xef | 0xfe => scan.notes.push(at..end.min(bytes.len())),
                _ => {}
            }
            at = end;
        }
        // Junk between segments is the decoder's business.
        scan.ended = bytes.windows(2).any(|pair| pair == END);
        Some(scan)
    }
}

fn without(bytes: &[u8], parts: &[Range<usize>]) -> Vec<u8> {
    let starts = [0].into_iter().chain(parts.iter().map(|part| part.end));
    let ends = parts.iter().map(|part| part.start).chain([bytes.len()]);
    starts.zip(ends).flat_map(|(start, end)| &bytes[start..end]).copied().collect()
}

/// Whether the last block looks like the one before it, but for its brightness: so do those that
/// the decoder makes up, and those of a plain background.
fn has_repeated_corner(picture: &DynamicImage) -> bool {
    let (width, height) = picture.dimensions();
    let [left, top] = [width, height].map(|side| side.saturating_sub(1) / BLOCK * BLOCK);
    let Some(before) = left.checked_sub(TOGETHER) else { return true };
    let level = |x, y| i16::from(picture.get_pixel(x, y).to_luma()[0]);
    let (rows, columns) = (top..height.min(top + BLOCK), BLOCK.min(width - left));
    let places = rows.flat_map(|y| (0..columns).map(move |x| (x, y)));
    let differences = places.map(|(x, y)| level(left + x, y) - level(before + x, y));
    let (least, most) =
        differences.fold((i16::MAX, i16::MIN), |(least, most), d| (least.min(d), most.max(d)));
    most - least <= ROUNDING
}

/// Whether it makes no difference what stands before the end: where something is missing, the
/// decoder takes that for it.
fn is_whole(bytes: &[u8], picture: &DynamicImage) -> bool {
    let body = bytes.strip_suffix(&END).unwrap_or(bytes);
    let more = vec![0x6a; body.len() + 64];
    let other = decode_as(&[body, &more, &END].concat(), ImageFormat::Jpeg);
    other.is_ok_and(|other| other.picture == *picture)
}

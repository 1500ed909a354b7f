//! PNG: chunks that a picture can do without may be wrong.

use std::ops::Range;

use image::ImageFormat;

use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};

const SIGNATURE: usize = 8;
/// Length and name before a chunk's data, checksum behind it.
const AROUND_DATA: usize = 12;
/// What no picture can do without; an end without data is put in the place of one that is missing.
const CRITICAL: [&[u8; 4]; 3] = [b"IHDR", b"PLTE", b"IDAT"];
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// The picture. If it cannot be read, it is read once more without its ancillary chunks, as
/// libpng and browsers ignore such as are wrong or out of place.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageProblem> {
    match decode_as(bytes, ImageFormat::Png) {
        Err(ImageProblem::Damaged(problem)) => decode_as(&critical_part(bytes), ImageFormat::Png)
            .map_err(|_| ImageProblem::Damaged(problem)),
        result => result,
    }
}

fn critical_part(bytes: &[u8]) -> Vec<u8> {
    let mut part = bytes[..SIGNATURE.min(bytes.len())].to_vec();
    let mut start = SIGNATURE;
    while let Some(chunk) = chunk_at(bytes, start) {
        let name = bytes.get(start + 4..start + 8);
        if CRITICAL.iter().any(|critical| name == Some(&critical[..])) {
            part.extend(&bytes[chunk.clone()]);
        }
        start = chunk.end;
    }
    part.extend(END);
    part
}

fn chunk_at(bytes: &[u8], start: usize) -> Option<Range<usize>> {
    let length = bytes.get(start..start + 4)?;
    let length = u32::from_be_bytes([length[0], length[1], length[2], length[3]]) as usize;
    let end = start + AROUND_DATA + length;
    (end <= bytes.len()).then_some(start..end)
}

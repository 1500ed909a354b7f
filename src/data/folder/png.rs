//! PNG: tolerates invalid ancillary chunks.

use std::ops::Range;

use image::ImageFormat;

use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};

const SIGNATURE: usize = 8;
/// Bytes of a chunk besides its data: length, name and checksum.
const CHUNK_OVERHEAD: usize = 12;
/// Chunks that an image needs. A missing end chunk is replaced.
const CRITICAL: [&[u8; 4]; 3] = [b"IHDR", b"PLTE", b"IDAT"];
const END: &[u8] = b"\0\0\0\0IEND\xae\x42\x60\x82";

/// Decodes an image. If that fails, it is decoded again without its ancillary chunks, because
/// libpng and browsers ignore invalid ones.
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
    let end = start + CHUNK_OVERHEAD + length;
    (end <= bytes.len()).then_some(start..end)
}

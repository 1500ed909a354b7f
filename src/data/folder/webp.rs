//! WebP: tolerates flags of an extended file for chunks that are missing.

use std::iter;

use image::ImageFormat;

use super::problem::ImageProblem;
use super::reader::{Decoded, decode_as};

/// Offset of the flags of an extended file, and of the first chunk.
const FLAGS: usize = 20;
const FIRST_CHUNK: usize = 12;
/// Each flag and its chunk.
const FLAG_CHUNKS: [(u8, &[u8; 4]); 4] =
    [(0x20, b"ICCP"), (0x10, b"ALPH"), (8, b"EXIF"), (4, b"XMP ")];

/// Decodes an image. If that fails, it is decoded again without the flags of missing chunks, alpha
/// included, because libwebp and browsers ignore them.
pub(super) fn decode(bytes: &[u8]) -> Result<Decoded, ImageProblem> {
    match decode_as(bytes, ImageFormat::WebP) {
        Err(ImageProblem::Damaged(problem)) if is_extended(bytes) => {
            let repaired = decode_as(&without_unused_flags(bytes), ImageFormat::WebP);
            repaired.map_err(|_| ImageProblem::Damaged(problem))
        }
        result => result,
    }
}

fn is_extended(bytes: &[u8]) -> bool {
    bytes.len() > FLAGS && bytes[FIRST_CHUNK..].starts_with(b"VP8X")
}

fn without_unused_flags(bytes: &[u8]) -> Vec<u8> {
    let names: Vec<&[u8]> = chunk_names(bytes).collect();
    let mut bytes = bytes.to_vec();
    // Lossless data includes alpha.
    let has =
        |chunk: &[u8]| names.contains(&chunk) || chunk == b"ALPH" && names.contains(&&b"VP8L"[..]);
    for (flag, chunk) in FLAG_CHUNKS {
        if !has(&chunk[..]) {
            bytes[FLAGS] &= !flag;
        }
    }
    bytes
}

fn chunk_names(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = bytes.get(FIRST_CHUNK..).unwrap_or_default();
    iter::from_fn(move || {
        let (header, data) = rest.split_first_chunk::<8>()?;
        let (name, length) =
            (&rest[..4], u32::from_le_bytes([header[4], header[5], header[6], header[7]]));
        // Chunks of odd length are padded by one byte.
        let length = length as usize + length as usize % 2;
        rest = data.get(length..).unwrap_or_default();
        Some(name)
    })
}

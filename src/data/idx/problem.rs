//! Problems of IDX files and their messages. The caller adds the path:
//! [`Error::Idx`](crate::data::Error::Idx).

use std::io;

use super::{IMAGES_MAGIC, LABELS_MAGIC, MAX_BYTES};
use crate::text::{dimensions, grouped};

/// What is wrong with an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxProblem {
    /// The operating system cannot read the file.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The gzip stream is truncated.
    #[error("the gzip data is truncated; copy or download the file again")]
    TruncatedGzip,
    /// The decompressed data does not match the checksum or length in the gzip stream.
    #[error("the gzip checksum does not match: the file is damaged; copy or download it again")]
    GzipChecksum,
    /// The gzip stream is malformed.
    #[error("the gzip data is damaged; copy or download the file again")]
    DamagedGzip(#[source] io::Error),
    /// The file ends within the magic number or the dimensions.
    #[error("the file has only {found} of the {needed} bytes of an IDX header: it is truncated")]
    ShortHeader {
        /// Bytes in the file.
        found: usize,
        /// Bytes of the header.
        needed: usize,
    },
    /// The first four bytes are not the expected magic number.
    #[error(
        "wrong magic number {found:#010x}, expected {expected:#010x} ({kind}){guess}",
        kind = kind(*expected).unwrap_or("IDX"),
        guess = guess(*found)
    )]
    WrongMagic {
        /// The first four bytes, big-endian.
        found: u32,
        /// The expected magic number.
        expected: u32,
    },
    /// No images, no labels, or images without pixels.
    #[error("holds no data: its dimensions are {}", dimensions(dims))]
    Empty {
        /// The dimensions in the header.
        dims: Vec<u32>,
    },
    /// The product of the dimensions exceeds [`MAX_BYTES`].
    #[error(
        "dimensions {} exceed the limit of {} bytes per file; the header is damaged",
        dimensions(dims),
        grouped(MAX_BYTES)
    )]
    TooLarge {
        /// The dimensions in the header.
        dims: Vec<u32>,
    },
    /// Fewer bytes than the product of the dimensions.
    #[error(
        "too short: the header announces {} = {} bytes, but the file has {}; it is truncated",
        dimensions(dims),
        grouped(*expected as u64),
        grouped(*found as u64)
    )]
    TooShort {
        /// The dimensions in the header.
        dims: Vec<u32>,
        /// Their product.
        expected: usize,
        /// Bytes after the header.
        found: usize,
    },
    /// More bytes than the product of the dimensions.
    #[error(
        "too long: more bytes follow the {} = {} that the header announces",
        dimensions(dims),
        grouped(*expected as u64)
    )]
    TooLong {
        /// The dimensions in the header.
        dims: Vec<u32>,
        /// Their product.
        expected: usize,
    },
    /// The label file does not belong to the image file.
    #[error(
        "has {} labels, but the image file next to it has {} images: they do not belong together",
        grouped(*labels as u64),
        grouped(*images as u64)
    )]
    CountMismatch {
        /// Labels in this file.
        labels: usize,
        /// Images in the image file.
        images: usize,
    },
}

impl IdxProblem {
    /// Classifies a reader's errors: those of the operating system have an error number, all others
    /// come from the gzip decoder, which distinguishes a wrong checksum from other damage only by
    /// its message.
    pub(super) fn from_io(error: io::Error) -> IdxProblem {
        if error.raw_os_error().is_some() {
            IdxProblem::Read(error)
        } else if error.kind() == io::ErrorKind::UnexpectedEof {
            IdxProblem::TruncatedGzip
        } else if error.to_string().contains("checksum") {
            IdxProblem::GzipChecksum
        } else {
            IdxProblem::DamagedGzip(error)
        }
    }
}

fn kind(magic: u32) -> Option<&'static str> {
    match magic {
        IMAGES_MAGIC => Some("an image file"),
        LABELS_MAGIC => Some("a label file"),
        _ => None,
    }
}

/// What kind of file has this magic number, as the end of a sentence.
fn guess(found: u32) -> &'static str {
    match found.to_be_bytes() {
        [0, 0, 8, 1] | [0, 0, 12, 2] => ": this is a label file",
        [0, 0, 8, 3] => ": this is an image file",
        [0, 0, 8, 1..=255] => ": this is an IDX file with other dimensions",
        [0, 0, 9 | 11..=14, 1..=255] => {
            ": this is an IDX file, but its values are not unsigned bytes"
        }
        [1 | 3, 8, 0, 0] => ": its bytes are in the wrong order (little-endian)",
        [0x1f, 0x8b, ..] => ": this is gzipped twice; unpack it once",
        [b'P', b'K', 3, 4] => ": this is a zip archive; unpack it",
        [0x89, b'P', b'N', b'G'] => ": this is a PNG image",
        [b'<', b'!' | b'h' | b'H' | b'?', ..] => {
            ": this is a web page or an error message instead of the file; download it again"
        }
        [b'v', b'e', b'r', b's'] => ": this may be a Git LFS pointer; fetch the file itself",
        _ => ": this is not an IDX file",
    }
}

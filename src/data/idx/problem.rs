//! What can be wrong with an IDX file, and how to say it. The file's name is added by whoever
//! knows it: [`Error::Idx`](crate::data::Error::Idx).

use std::io;

use super::{IMAGES_MAGIC, LABELS_MAGIC, MAX_BYTES};
use crate::text::{dimensions, grouped};

/// What is wrong with an IDX file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IdxProblem {
    /// The operating system failed to hand out the bytes.
    #[error("cannot be read")]
    Read(#[source] io::Error),
    /// The gzip stream stops before its end.
    #[error("the gzip data stops short: the file is cut off; copy or download it again")]
    TruncatedGzip,
    /// The decompressed data does not have the checksum or length that the gzip stream carries.
    #[error("the gzip checksum does not match: the file is damaged; copy or download it again")]
    GzipChecksum,
    /// The gzip stream is malformed.
    #[error("the gzip data is damaged; copy or download the file again")]
    DamagedGzip(#[source] io::Error),
    /// The file ends within the magic number and dimensions.
    #[error("{found} bytes are too few for an IDX header of {needed}: the file is cut off")]
    ShortHeader {
        /// Bytes that are there.
        found: usize,
        /// Bytes of the header.
        needed: usize,
    },
    /// The first four bytes are not those of the kind of file asked for.
    #[error(
        "wrong magic number {found:#010x}, expected {expected:#010x} ({wanted}){guess}",
        wanted = kind(*expected).unwrap_or("IDX"),
        guess = guess(*found)
    )]
    WrongMagic {
        /// The first four bytes, big-endian.
        found: u32,
        /// What they should have been.
        expected: u32,
    },
    /// No images, no labels, or images without pixels.
    #[error("holds nothing: its dimensions are {}", dimensions(dims))]
    Empty {
        /// The dimensions in the header.
        dims: Vec<u32>,
    },
    /// The dimensions multiply out to more than [`MAX_BYTES`].
    #[error(
        "absurd dimensions {}: more than the {} bytes that a file may hold; the header is damaged",
        dimensions(dims),
        grouped(MAX_BYTES)
    )]
    TooLarge {
        /// The dimensions in the header.
        dims: Vec<u32>,
    },
    /// Fewer bytes than the dimensions multiply out to.
    #[error(
        "too short: the header announces {} = {} bytes, {} are there; the file is cut off",
        dimensions(dims),
        grouped(*expected as u64),
        grouped(*found as u64)
    )]
    TooShort {
        /// The dimensions in the header.
        dims: Vec<u32>,
        /// Their product.
        expected: usize,
        /// Bytes behind the header.
        found: usize,
    },
    /// More bytes than the dimensions multiply out to.
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
    /// The label file does not go with the image file.
    #[error(
        "holds {} labels, but the image file beside it {} images: the two do not belong together",
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
    /// Sorts a reader's errors: the operating system's carry its number, all others are the gzip
    /// decoder's, which tells a wrong checksum from other damage by its message only.
    pub(super) fn reading(error: io::Error) -> IdxProblem {
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

/// What a file with this magic number may be instead, as the end of a sentence.
fn guess(found: u32) -> &'static str {
    match found.to_be_bytes() {
        [0, 0, 8, 1] | [0, 0, 12, 2] => ": this is a label file",
        [0, 0, 8, 3] => ": this is an image file",
        [0, 0, 8, 1..=255] => ": this is an IDX file of other dimensions",
        [0, 0, 9 | 11..=14, 1..=255] => {
            ": this is an IDX file, but its values are not unsigned bytes"
        }
        [1 | 3, 8, 0, 0] => ": its bytes are in the wrong order (little-endian)",
        [0x1f, 0x8b, ..] => ": this is gzipped twice; unpack it once",
        [b'P', b'K', 3, 4] => ": this is a zip archive; unpack it",
        [0x89, b'P', b'N', b'G'] => ": this is a png picture",
        [b'<', b'!' | b'h' | b'H' | b'?', ..] => {
            ": this is a web page or an error message in place of the file; download it again"
        }
        [b'v', b'e', b'r', b's'] => ": this may be a pointer of git lfs; fetch the file itself",
        _ => ": this is not an IDX file",
    }
}

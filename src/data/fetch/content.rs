//! Whether a file's content is what it should be, gzipped or raw.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::RemoteFile;
use crate::data::gzip::unpack;
use crate::file_error::FileError;
use crate::text::grouped;

/// In what a file's content is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// It is something else.
    #[error(
        "its content has the SHA-256 {found} ({} bytes), not {expected} ({} bytes)",
        grouped(*length),
        grouped(*expected_length)
    )]
    Other {
        /// The SHA-256 of the content.
        found: String,
        /// Its length in bytes.
        length: u64,
        /// The SHA-256 it should have.
        expected: String,
        /// The length it should have.
        expected_length: u64,
    },
    /// It goes on behind its end; it was not read further.
    #[error(
        "its content is longer than {} bytes and so cannot have the SHA-256 {expected}",
        grouped(*expected_length)
    )]
    TooLong {
        /// The SHA-256 it should have.
        expected: String,
        /// The length it should have.
        expected_length: u64,
    },
    /// It cannot be decompressed.
    #[error(
        "its gzip data is damaged ({problem}), so it has no content to compare with {expected}"
    )]
    Damaged {
        /// The decoder's word.
        problem: String,
        /// The SHA-256 the content should have.
        expected: String,
    },
}

/// Compares the content of the file at `path`; nothing is wrong if there is none. No more than one
/// byte too many is decompressed.
///
/// # Errors
/// [`FileError`] if the file cannot be read.
pub(super) fn check(path: &Path, file: &RemoteFile) -> Result<Option<Mismatch>, FileError> {
    let opened = File::open(path).map_err(FileError::at("read", path))?;
    let read = unpack(BufReader::new(opened)).and_then(|input| digest(input, file));
    let expected = file.sha256.clone();
    let expected_length = file.length;
    match read {
        // The system's errors carry its number, all others are the decoder's.
        Err(error) if error.raw_os_error().is_some() => Err(FileError::at("read", path)(error)),
        Err(error) => Ok(Some(Mismatch::Damaged { problem: error.to_string(), expected })),
        Ok((_, length)) if length > expected_length => {
            Ok(Some(Mismatch::TooLong { expected, expected_length }))
        }
        Ok((found, _)) if found == expected => Ok(None),
        Ok((found, length)) => {
            Ok(Some(Mismatch::Other { found, length, expected, expected_length }))
        }
    }
}

/// SHA-256 and length of what comes, of at most one byte more than there should be.
fn digest(input: impl Read, file: &RemoteFile) -> io::Result<(String, u64)> {
    let mut input = input.take(file.length + 1);
    let (mut hasher, mut length) = (Sha256::new(), 0);
    let mut buffer = vec![0; 1 << 16];
    loop {
        match input.read(&mut buffer)? {
            0 => break,
            count => {
                hasher.update(&buffer[..count]);
                length += count as u64;
            }
        }
    }
    Ok((hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect(), length))
}

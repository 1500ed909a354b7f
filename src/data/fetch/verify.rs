//! Verifies the content of a file, gzipped or raw.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::RemoteFile;
use crate::data::gzip::decompress;
use crate::file_error::FileError;
use crate::text::grouped;

/// How the content of a file differs from the expected content.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// The content has another SHA-256.
    #[error(
        "its content has the SHA-256 {found} ({} bytes), not {expected} ({} bytes)",
        grouped(*length),
        grouped(*expected_length)
    )]
    WrongHash {
        /// The SHA-256 of the content.
        found: String,
        /// Its length in bytes.
        length: u64,
        /// The expected SHA-256.
        expected: String,
        /// The expected length.
        expected_length: u64,
    },
    /// The content is longer than expected; the rest was not read.
    #[error(
        "its content is longer than {} bytes, so its SHA-256 cannot be {expected}",
        grouped(*expected_length)
    )]
    TooLong {
        /// The expected SHA-256.
        expected: String,
        /// The expected length.
        expected_length: u64,
    },
    /// The content cannot be decompressed.
    #[error("its gzip data is damaged ({problem}), so it cannot be compared with {expected}")]
    Damaged {
        /// The decoder's message.
        problem: String,
        /// The expected SHA-256.
        expected: String,
    },
}

/// Compares the content of the file at `path` with the expected one; `None` if they are equal. At
/// most one byte too many is decompressed.
///
/// # Errors
/// [`FileError`] if the file cannot be read.
pub(super) fn check(path: &Path, file: &RemoteFile) -> Result<Option<Mismatch>, FileError> {
    let opened = File::open(path).map_err(FileError::at("read", path))?;
    let read = decompress(BufReader::new(opened)).and_then(|input| digest(input, file));
    let expected = file.sha256.clone();
    let expected_length = file.length;
    match read {
        // The system's errors have an error number, all others are the decoder's.
        Err(error) if error.raw_os_error().is_some() => Err(FileError::at("read", path)(error)),
        Err(error) => Ok(Some(Mismatch::Damaged { problem: error.to_string(), expected })),
        Ok((_, length)) if length > expected_length => {
            Ok(Some(Mismatch::TooLong { expected, expected_length }))
        }
        Ok((found, _)) if found == expected => Ok(None),
        Ok((found, length)) => {
            Ok(Some(Mismatch::WrongHash { found, length, expected, expected_length }))
        }
    }
}

/// SHA-256 and length of the input, of which at most one byte too many is read.
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

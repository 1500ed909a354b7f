//! IDX, the file format of MNIST: a magic number, the dimensions, then one byte for each value.
//!
//! Owns the reading of image and label files, gzipped or raw (told apart by content, not by name),
//! and the words for everything that can be wrong with one. No input makes it panic, and none makes
//! it hold more than [`MAX_BYTES`]: dimensions are checked before anything is allocated, and a gzip
//! stream is read only as far as its header announces. It does not know where files lie, nor which
//! data set they belong to.
//!
//! The layout, big-endian, from the MNIST page (<http://yann.lecun.com/exdb/mnist/>): two zero
//! bytes, the type of a value (8: unsigned byte), the number of dimensions, each dimension as u32.

mod problem;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use byteorder::{BigEndian, ByteOrder};

pub use problem::IdxProblem;

use super::gzip::unpack;
use crate::data::{Error, Result};
use crate::file_error::FileError;

/// Magic number of an image file: unsigned bytes in three dimensions.
pub const IMAGES_MAGIC: u32 = 0x0803;
/// Magic number of a label file: unsigned bytes in one dimension.
pub const LABELS_MAGIC: u32 = 0x0801;
/// The most values a file may hold, 1 GiB: 22 times MNIST, and no more than a machine can spare
/// for a file that lies about itself.
pub const MAX_BYTES: u64 = 1 << 30;

/// Values reserved on the word of a header alone (64 MiB: all of MNIST in one allocation); beyond
/// that, memory grows only with bytes that really come.
const TRUSTED_BYTES: usize = 64 << 20;

/// What an image file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Images {
    /// Number of images, at least 1.
    pub count: usize,
    /// Rows of each image.
    pub height: usize,
    /// Columns of each image.
    pub width: usize,
    /// (count, height, width), row-major.
    pub pixels: Vec<u8>,
}

/// Reads an image file.
///
/// # Errors
/// [`FileError`] if the file cannot be read, [`Error::Idx`] if it is not a sound image file.
pub fn read_images(path: &Path) -> Result<Images> {
    decode_images(open(path)?).map_err(|problem| locate(problem, path))
}

/// Reads a label file: one label in 0..`classes` for each image.
///
/// # Errors
/// [`FileError`] if the file cannot be read, [`Error::Idx`] if it is not a sound label file.
pub fn read_labels(path: &Path, classes: usize) -> Result<Vec<u32>> {
    decode_labels(open(path)?, classes).map_err(|problem| locate(problem, path))
}

/// Decodes the bytes of an image file, gzipped or raw.
///
/// # Errors
/// Any [`IdxProblem`] but those of labels.
pub fn decode_images(input: impl BufRead) -> Result<Images, IdxProblem> {
    let mut input = unpack(input).map_err(IdxProblem::reading)?;
    let dims = read_header::<3>(&mut input, IMAGES_MAGIC)?;
    let pixels = read_body(&mut input, &dims)?;
    let [count, height, width] = dims.map(|extent| extent as usize);
    Ok(Images { count, height, width, pixels })
}

/// Decodes the bytes of a label file, gzipped or raw; every label must be below `classes`.
///
/// # Errors
/// Any [`IdxProblem`] but [`IdxProblem::CountMismatch`].
pub fn decode_labels(input: impl BufRead, classes: usize) -> Result<Vec<u32>, IdxProblem> {
    let mut input = unpack(input).map_err(IdxProblem::reading)?;
    let dims = read_header::<1>(&mut input, LABELS_MAGIC)?;
    let labels = read_body(&mut input, &dims)?;
    match labels.iter().position(|&label| usize::from(label) >= classes) {
        Some(index) => Err(IdxProblem::LabelOutOfRange { index, label: labels[index], classes }),
        None => Ok(labels.into_iter().map(u32::from).collect()),
    }
}

/// Checks that there is one label for each image.
///
/// # Errors
/// [`IdxProblem::CountMismatch`], the label file's problem.
pub fn check_counts(images: &Images, labels: &[u32]) -> Result<(), IdxProblem> {
    let (images, labels) = (images.count, labels.len());
    if images == labels { Ok(()) } else { Err(IdxProblem::CountMismatch { labels, images }) }
}

fn open(path: &Path) -> Result<BufReader<File>, FileError> {
    File::open(path).map(BufReader::new).map_err(FileError::at("read", path))
}

/// Names the file; what the operating system said about it is no fault of its content.
fn locate(problem: IdxProblem, path: &Path) -> Error {
    match problem {
        IdxProblem::Read(source) => FileError::at("read", path)(source).into(),
        problem => Error::Idx { path: path.to_owned(), problem },
    }
}

/// The `N` dimensions behind the magic number.
fn read_header<const N: usize>(
    input: &mut dyn Read,
    expected: u32,
) -> Result<[u32; N], IdxProblem> {
    let needed = 4 + 4 * N;
    let header = read_up_to(input, needed)?;
    let magic = header.get(..4).map(BigEndian::read_u32);
    match magic {
        Some(found) if found != expected => Err(IdxProblem::WrongMagic { found, expected }),
        _ if header.len() < needed => Err(IdxProblem::ShortHeader { found: header.len(), needed }),
        _ => {
            let mut dims = [0; N];
            BigEndian::read_u32_into(&header[4..], &mut dims);
            Ok(dims)
        }
    }
}

/// The values behind the header: as many as the dimensions say, and then the end of the file.
/// Reading to the end also makes gzip's checksum be looked at.
fn read_body(input: &mut dyn Read, dims: &[u32]) -> Result<Vec<u8>, IdxProblem> {
    let expected = body_length(dims)?;
    let mut body = read_up_to(input, expected)?;
    if body.len() < expected {
        return Err(IdxProblem::TooShort { dims: dims.to_vec(), expected, found: body.len() });
    }
    if !read_up_to(input, 1)?.is_empty() {
        return Err(IdxProblem::TooLong { dims: dims.to_vec(), expected });
    }
    body.shrink_to_fit();
    Ok(body)
}

fn body_length(dims: &[u32]) -> Result<usize, IdxProblem> {
    // At most three u32: a u128 holds any product.
    let product: u128 = dims.iter().map(|&extent| u128::from(extent)).product();
    match product {
        0 => Err(IdxProblem::Empty { dims: dims.to_vec() }),
        _ if product > u128::from(MAX_BYTES) => Err(IdxProblem::TooLarge { dims: dims.to_vec() }),
        _ => Ok(product as usize),
    }
}

/// The next `limit` bytes, fewer if the input ends before.
fn read_up_to(input: &mut (impl Read + ?Sized), limit: usize) -> Result<Vec<u8>, IdxProblem> {
    let mut bytes = Vec::with_capacity(limit.min(TRUSTED_BYTES));
    input.take(limit as u64).read_to_end(&mut bytes).map_err(IdxProblem::reading)?;
    Ok(bytes)
}

//! IDX, the file format of MNIST: a magic number, the dimensions, then the values.
//!
//! Reads image and label files, gzipped or raw (detected by content, not by name), and owns the
//! error messages for invalid ones. No input makes it panic, and none makes it hold more than
//! [`MAX_BYTES`]: dimensions are checked before anything is allocated, and a gzip stream is read
//! only as far as its header announces. It does not know where files are, nor which data set they
//! belong to.
//!
//! The layout, big-endian, from the MNIST page (<http://yann.lecun.com/exdb/mnist/>): two zero
//! bytes, the type of a value (8: unsigned byte; 12: i32), the number of dimensions, each dimension
//! as u32.

mod problem;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use byteorder::{BigEndian, ByteOrder};
pub use problem::IdxProblem;

use super::gzip::decompress;
use crate::data::{Error, Result};
use crate::file_error::FileError;

/// Magic number of an image file: unsigned bytes in three dimensions.
pub const IMAGES_MAGIC: u32 = 0x0803;
/// Magic number of a label file: unsigned bytes in one dimension.
pub const LABELS_MAGIC: u32 = 0x0801;
/// Magic number of QMNIST's label files: i32 in two dimensions; the first column is the class
/// (<https://github.com/facebookresearch/qmnist>).
pub const LABEL_TABLE_MAGIC: u32 = 0x0c02;
/// Largest number of value bytes in a file, 1 GiB: 22 times MNIST, and little enough that a machine
/// can spare it for a file with a wrong header.
pub const MAX_BYTES: u64 = 1 << 30;

/// Bytes allocated up front on the word of the header (64 MiB: all of MNIST in one allocation).
/// Beyond that, memory grows only with the bytes that are actually read.
const TRUSTED_BYTES: usize = 64 << 20;

/// The content of an image file.
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

impl Images {
    /// Swaps rows and columns of every image.
    pub fn transposed(&self) -> Images {
        let Images { count, height, width, ref pixels } = *self;
        let columns = |image| (0..width).flat_map(move |x| column(image, x, width));
        let pixels = pixels.chunks_exact(height * width).flat_map(columns).collect();
        Images { count, height: width, width: height, pixels }
    }
}

fn column(image: &[u8], x: usize, width: usize) -> impl Iterator<Item = u8> {
    image[x..].iter().step_by(width).copied()
}

/// Reads an image file.
///
/// # Errors
/// [`FileError`] if the file cannot be read, [`Error::Idx`] if it is not a valid image file.
pub fn read_images(path: &Path) -> Result<Images> {
    decode_images(open(path)?).map_err(|problem| at_path(problem, path))
}

/// Reads a label file: one label for each image.
///
/// # Errors
/// [`FileError`] if the file cannot be read, [`Error::Idx`] if it is not a valid label file.
pub fn read_labels(path: &Path) -> Result<Vec<i32>> {
    decode_labels(open(path)?).map_err(|problem| at_path(problem, path))
}

/// Decodes the bytes of an image file, gzipped or raw.
///
/// # Errors
/// Any [`IdxProblem`] except those of labels.
pub fn decode_images(input: impl BufRead) -> Result<Images, IdxProblem> {
    let mut input = decompress(input).map_err(IdxProblem::from_io)?;
    let (_, dims) = read_header(&mut input, &[IMAGES_MAGIC])?;
    let pixels = read_body(&mut input, &dims)?;
    let [count, height, width] = [0, 1, 2].map(|index| dims[index] as usize);
    Ok(Images { count, height, width, pixels })
}

/// Decodes the bytes of a label file, gzipped or raw.
///
/// # Errors
/// Any [`IdxProblem`] except [`IdxProblem::CountMismatch`].
pub fn decode_labels(input: impl BufRead) -> Result<Vec<i32>, IdxProblem> {
    let mut input = decompress(input).map_err(IdxProblem::from_io)?;
    let (magic, mut dims) = read_header(&mut input, &[LABELS_MAGIC, LABEL_TABLE_MAGIC])?;
    if magic == LABELS_MAGIC {
        return Ok(read_body(&mut input, &dims)?.into_iter().map(i32::from).collect());
    }
    // The bytes of a number are the last dimension.
    dims.push(size_of::<i32>() as u32);
    let body = read_body(&mut input, &dims)?;
    Ok(body.chunks_exact(body.len() / dims[0] as usize).map(BigEndian::read_i32).collect())
}

/// Checks that there is one label for each image.
///
/// # Errors
/// [`IdxProblem::CountMismatch`], reported for the label file.
pub fn check_counts<T>(images: &Images, labels: &[T]) -> Result<(), IdxProblem> {
    let (images, labels) = (images.count, labels.len());
    if images == labels { Ok(()) } else { Err(IdxProblem::CountMismatch { labels, images }) }
}

fn open(path: &Path) -> Result<BufReader<File>, FileError> {
    File::open(path).map(BufReader::new).map_err(FileError::at("read", path))
}

/// Adds the path to a problem. An I/O error is not a problem of the content.
fn at_path(problem: IdxProblem, path: &Path) -> Error {
    match problem {
        IdxProblem::Read(source) => FileError::at("read", path)(source).into(),
        problem => Error::Idx { path: path.to_owned(), problem },
    }
}

/// Reads the magic number, which must be one of those `expected`, and the dimensions after it.
fn read_header(input: &mut dyn Read, expected: &[u32]) -> Result<(u32, Vec<u32>), IdxProblem> {
    let mut header = read_up_to(input, 4)?;
    let magic = match header.len() {
        4 => BigEndian::read_u32(&header),
        _ => expected[0],
    };
    if !expected.contains(&magic) {
        return Err(IdxProblem::WrongMagic { found: magic, expected: expected[0] });
    }
    // The magic number's last byte is the number of dimensions.
    let needed = 4 + 4 * (magic & 0xff) as usize;
    header.extend(read_up_to(input, needed - header.len())?);
    if header.len() < needed {
        return Err(IdxProblem::ShortHeader { found: header.len(), needed });
    }
    Ok((magic, header[4..].chunks_exact(4).map(BigEndian::read_u32).collect()))
}

/// Reads the bytes after the header: as many as the dimensions announce, then the end of the file.
/// Reading to the end makes the decoder verify gzip's checksum.
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
    // At most three u32, so a u128 holds any product.
    let product: u128 = dims.iter().map(|&extent| u128::from(extent)).product();
    match product {
        0 => Err(IdxProblem::Empty { dims: dims.to_vec() }),
        _ if product > u128::from(MAX_BYTES) => Err(IdxProblem::TooLarge { dims: dims.to_vec() }),
        _ => Ok(product as usize),
    }
}

/// The next `limit` bytes, or fewer at the end of the input.
fn read_up_to(input: &mut (impl Read + ?Sized), limit: usize) -> Result<Vec<u8>, IdxProblem> {
    let mut bytes = Vec::with_capacity(limit.min(TRUSTED_BYTES));
    input.take(limit as u64).read_to_end(&mut bytes).map_err(IdxProblem::from_io)?;
    Ok(bytes)
}

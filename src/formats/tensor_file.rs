//! Files of named tensors in the safetensors format, which PyTorch users know.
//!
//! Tensors are read on demand and written in a stream, one at a time, so a file is never in memory
//! as a whole. The bytes are a function of the content: tensors are in the order of the
//! `safetensors` crate (widest type first, then by name), numbers are little-endian, and the
//! metadata is sorted, which the crate writes in the order of a hash map. Format:
//! <https://huggingface.co/docs/safetensors>.

mod element;
mod header;
mod problem;
mod unsupported;
mod writer;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use half::{bf16, f16};
use safetensors::SafeTensorError;
use safetensors::tensor::Dtype;

use crate::file_error::FileError;
use crate::formats::{Error, Result};
pub use element::Element;
pub use header::TensorInfo;
pub(crate) use header::first_bytes;
pub use problem::TensorProblem;
pub use unsupported::UnsupportedFile;
pub use writer::TensorWriter;

/// Key prefixes that PyTorch's module wrappers add: DataParallel, torch.compile.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Bytes read at once, a multiple of the size of every type.
const BLOCK: usize = 64 << 10;

/// An open safetensors file, whose header is in memory, but not its numbers.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tensors: Vec<TensorInfo>,
    source: Mutex<Box<dyn Source>>,
}

/// A source of bytes.
pub(crate) trait Source: Read + Seek + Debug + Send {}
impl<T: Read + Seek + Debug + Send> Source for T {}

impl TensorFile {
    /// Opens a file and parses its header.
    ///
    /// # Errors
    /// As [`TensorFile::from_bytes`], and I/O.
    pub fn open(path: &Path) -> Result<TensorFile> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        TensorFile::from_source(path, file)
    }

    /// A file in memory; `path` is for error messages.
    ///
    /// # Errors
    /// [`TensorProblem::Invalid`] for bytes that are not a valid file;
    /// [`TensorProblem::UnsupportedFormat`] for another known format; [`TensorProblem::Type`] for a
    /// tensor whose type is not an [`Element`]. Never panics.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<TensorFile> {
        TensorFile::from_source(path, Cursor::new(bytes.to_vec()))
    }

    /// As [`TensorFile::open`], for an open file.
    pub(crate) fn from_source(
        path: &Path,
        mut source: impl Source + 'static,
    ) -> Result<TensorFile> {
        let header = match read_header(&mut source) {
            Err(error) => return Err(header_error(path, &mut source, error)),
            Ok(header) => header,
        };
        let unknown = |tensor: &&TensorInfo| !element::DTYPES.contains(&tensor.dtype);
        if let Some(tensor) = header.tensors.iter().find(unknown) {
            return Err(wrong_type(path, tensor, "U8, F16, BF16, F32, F64, U32, U64 or I64"));
        }
        Ok(TensorFile {
            path: path.to_owned(),
            metadata: header.metadata,
            tensors: header.tensors,
            source: Mutex::new(Box::new(source)),
        })
    }

    /// The path of the file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The metadata.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The tensors in file order.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Reads the numbers of the tensor `name`.
    ///
    /// # Errors
    /// [`TensorProblem::Missing`]; [`TensorProblem::Shape`] if its shape is not `shape`;
    /// [`TensorProblem::Type`] if its type is not `T`; I/O.
    pub fn get<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>> {
        self.slice(name, shape, 0..shape.iter().product())
    }

    /// Reads a range of the numbers of the tensor `name`.
    ///
    /// # Errors
    /// As [`TensorFile::get`].
    ///
    /// # Panics
    /// If the range exceeds a tensor of `shape`.
    pub fn slice<T: Element>(
        &self,
        name: &str,
        shape: &[usize],
        range: Range<usize>,
    ) -> Result<Vec<T>> {
        let tensor = self.tensor(name, shape)?;
        match tensor.dtype == T::DTYPE {
            true => self.numbers(tensor, range, |number: T| number),
            false => Err(wrong_type(&self.path, tensor, &T::DTYPE.to_string())),
        }
    }

    /// Reads the numbers of the tensor `name`, which may be of any floating-point type; `narrow`
    /// converts them to `T`.
    ///
    /// # Errors
    /// As [`TensorFile::get`]; [`TensorProblem::NotFinite`] for NaN, infinity, and values out of
    /// the range of `T`.
    pub fn floats<T: Copy + Into<f64>>(
        &self,
        name: &str,
        shape: &[usize],
        narrow: impl Fn(f64) -> T,
    ) -> Result<Vec<T>> {
        let tensor = self.tensor(name, shape)?;
        let all = 0..tensor.count();
        let numbers = match tensor.dtype {
            Dtype::F16 => self.numbers(tensor, all, |x: f16| narrow(x.to_f64())),
            Dtype::BF16 => self.numbers(tensor, all, |x: bf16| narrow(x.to_f64())),
            Dtype::F32 => self.numbers(tensor, all, |x: f32| narrow(x.into())),
            Dtype::F64 => self.numbers(tensor, all, |x: f64| narrow(x)),
            _ => Err(wrong_type(&self.path, tensor, "floating-point numbers")),
        }?;
        match numbers.iter().all(|&x| x.into().is_finite()) {
            true => Ok(numbers),
            false => {
                let (path, name) = (self.path.clone(), name.to_owned());
                Err(TensorProblem::NotFinite { path, name }.into())
            }
        }
    }

    /// Checks that [`TensorFile::floats`] can read the tensor; reads no numbers.
    ///
    /// # Errors
    /// As [`TensorFile::get`].
    pub fn expect_floats(&self, name: &str, shape: &[usize]) -> Result<()> {
        let tensor = self.tensor(name, shape)?;
        match tensor.dtype {
            Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 => Ok(()),
            _ => Err(wrong_type(&self.path, tensor, "floating-point numbers")),
        }
    }

    /// Removes prefixes of wrappers from the keys, if all keys have them and `names` do not.
    pub fn without_wrapper_prefixes(mut self, names: &[String]) -> Self {
        let known = |tensor: &TensorInfo| names.contains(&tensor.name);
        while !self.tensors.is_empty()
            && !self.tensors.iter().any(known)
            && let Some(prefix) = WRAPPERS
                .iter()
                .find(|&prefix| self.tensors.iter().all(|tensor| tensor.name.starts_with(prefix)))
        {
            for tensor in &mut self.tensors {
                tensor.name.drain(..prefix.len());
            }
        }
        self
    }

    /// The first few keys, for a message about a missing key.
    fn found(&self) -> String {
        let mut names: Vec<&str> =
            self.tensors.iter().map(|tensor| &*tensor.name).take(3).collect();
        if self.tensors.len() > names.len() {
            names.push("…");
        }
        if names.is_empty() { "none".to_owned() } else { names.join(", ") }
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&TensorInfo> {
        let (path, key) = (|| self.path.clone(), name.to_owned());
        match self.tensors.iter().find(|tensor| tensor.name == name) {
            None => {
                Err(TensorProblem::Missing { path: path(), name: key, found: self.found() }.into())
            }
            Some(tensor) if tensor.shape != shape => {
                let (got, expected) = (tensor.shape.clone(), shape.to_owned());
                Err(TensorProblem::Shape { path: path(), name: key, got, expected }.into())
            }
            Some(tensor) => Ok(tensor),
        }
    }

    /// Reads numbers of a tensor of type `E`.
    fn numbers<E: Element, T>(
        &self,
        tensor: &TensorInfo,
        range: Range<usize>,
        convert: impl Fn(E) -> T,
    ) -> Result<Vec<T>> {
        let mut numbers = Vec::with_capacity(range.len());
        let bytes = range.start * size_of::<E>()..range.end * size_of::<E>();
        self.blocks(tensor, bytes, |block| {
            numbers.extend(E::decode(block).map(&convert));
            Ok(())
        })?;
        Ok(numbers)
    }

    /// Reads bytes of a tensor in blocks.
    fn blocks(
        &self,
        tensor: &TensorInfo,
        bytes: Range<usize>,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        assert!(bytes.end <= tensor.bytes(), "{bytes:?} of tensor {}", tensor.name);
        // A poisoned lock is harmless: the position is set below.
        let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
        let start = SeekFrom::Start(tensor.start + bytes.start as u64);
        source.seek(start).map_err(FileError::at("read", &self.path))?;
        let mut buffer = vec![0; BLOCK.min(bytes.len())];
        for at in bytes.clone().step_by(BLOCK) {
            let block = &mut buffer[..BLOCK.min(bytes.end - at)];
            source.read_exact(block).map_err(FileError::at("read", &self.path))?;
            each(block)?;
        }
        Ok(())
    }

    /// Checks that there are no tensors except `names`.
    ///
    /// # Errors
    /// [`TensorProblem::Unknown`] names the first other tensor.
    pub fn expect_no_others(&self, names: &[String]) -> Result<()> {
        match self.tensors.iter().find(|tensor| !names.contains(&tensor.name)) {
            None => Ok(()),
            Some(tensor) => {
                let (path, name) = (self.path.clone(), tensor.name.clone());
                Err(TensorProblem::Unknown { path, name }.into())
            }
        }
    }

    /// A value of the metadata.
    ///
    /// # Errors
    /// [`TensorProblem::Metadata`] if it is missing.
    pub fn metadata_value(&self, key: &str) -> Result<&str> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| self.unusable(key))
    }

    /// A value of the metadata, parsed as a `T`.
    ///
    /// # Errors
    /// [`TensorProblem::Metadata`] if it is missing or not a `T`.
    pub fn parse_metadata<T: FromStr>(&self, key: &str) -> Result<T> {
        self.metadata_value(key)?.parse().map_err(|_| self.unusable(key))
    }

    fn unusable(&self, key: &str) -> Error {
        TensorProblem::Metadata { path: self.path.clone(), key: key.to_owned() }.into()
    }
}

fn read_header(source: &mut impl Source) -> Result<header::Header, SafeTensorError> {
    let first = first_bytes(source)?;
    header::Header::parse(&first, source.seek(SeekFrom::End(0))?)
}

fn wrong_type(path: &Path, tensor: &TensorInfo, expected: &str) -> Error {
    let (path, name) = (path.to_owned(), tensor.name.clone());
    let (got, expected) = (tensor.dtype.to_string(), expected.to_owned());
    TensorProblem::Type { path, name, got, expected }.into()
}

/// The error for a file whose header cannot be read.
fn header_error(path: &Path, source: &mut impl Source, error: SafeTensorError) -> Error {
    match UnsupportedFile::of(path, source) {
        Some(kind) => TensorProblem::UnsupportedFormat { path: path.to_owned(), kind }.into(),
        None => problem(path, error),
    }
}

/// Converts an error of the `safetensors` crate.
fn problem(path: &Path, source: SafeTensorError) -> Error {
    match source {
        SafeTensorError::IoError(source) => FileError::at("read", path)(source).into(),
        source => TensorProblem::Invalid { path: path.to_owned(), source }.into(),
    }
}

//! Named tensors in a file, in the safetensors format that PyTorch's users know.
//!
//! Numbers stay in the file until they are asked for, and go into one as they come: a tensor at a
//! time is in memory. Bytes are a function of content: tensors lie in the `safetensors` crate's
//! order (widest type first, then by name), numbers are little-endian, and the metadata, which that
//! crate writes in a hash map's order, is sorted. Format:
//! <https://huggingface.co/docs/safetensors>.

mod element;
mod foreign;
mod header;
mod problem;
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
pub use foreign::Foreign;
pub use header::TensorInfo;
pub(crate) use header::first_bytes;
pub use problem::TensorProblem;
pub use writer::TensorWriter;

/// What PyTorch's wrappers of a module put before every key: DataParallel, torch.compile.
const WRAPPERS: [&str; 2] = ["module.", "_orig_mod."];

/// Bytes that are read at once; whole numbers of any type.
const BLOCK: usize = 64 << 10;

/// A safetensors file that is open: its header is in memory, its numbers are not.
#[derive(Debug)]
pub struct TensorFile {
    path: PathBuf,
    metadata: BTreeMap<String, String>,
    tensors: Vec<TensorInfo>,
    source: Mutex<Box<dyn Source>>,
}

/// Where bytes are read from.
pub(crate) trait Source: Read + Seek + Debug + Send {}
impl<T: Read + Seek + Debug + Send> Source for T {}

impl TensorFile {
    /// Opens a file and understands its header.
    ///
    /// # Errors
    /// As [`TensorFile::from_bytes`], and I/O.
    pub fn open(path: &Path) -> Result<TensorFile> {
        let file = File::open(path).map_err(FileError::at("read", path))?;
        TensorFile::from_source(path, file)
    }

    /// A file in memory; `path` is for the errors' messages.
    ///
    /// # Errors
    /// [`TensorProblem::Format`] for bytes that are not the format; [`TensorProblem::Type`] for a
    /// tensor of another type than an [`Element`]'s. Never panics.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<TensorFile> {
        TensorFile::from_source(path, Cursor::new(bytes.to_vec()))
    }

    /// As [`TensorFile::open`], of a file that is open.
    pub(crate) fn from_source(
        path: &Path,
        mut source: impl Source + 'static,
    ) -> Result<TensorFile> {
        let header = match read_header(&mut source) {
            Err(error) => return Err(not_whole(path, &mut source, error)),
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

    /// Where the file is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Words beside the tensors.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.metadata
    }

    /// The tensors as they lie in the file.
    pub fn tensors(&self) -> &[TensorInfo] {
        &self.tensors
    }

    /// Reads the numbers of the tensor `name`.
    ///
    /// # Errors
    /// [`TensorProblem::Missing`]; [`TensorProblem::Shape`] when it is not of `shape`;
    /// [`TensorProblem::Type`] when it is not of `T`; I/O.
    pub fn get<T: Element>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>> {
        self.part(name, shape, 0..shape.iter().product())
    }

    /// Reads some of the numbers of the tensor `name`.
    ///
    /// # Errors
    /// As [`TensorFile::get`].
    ///
    /// # Panics
    /// When a tensor of `shape` has no such numbers.
    pub fn part<T: Element>(
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

    /// Reads the numbers of the tensor `name`, of whatever type of real numbers they are stored as;
    /// `narrow` makes them numbers of `T`.
    ///
    /// # Errors
    /// As [`TensorFile::get`]; [`TensorProblem::NotFinite`] for NaN, infinity, and what `T` cannot
    /// hold.
    pub fn reals<T: Copy + Into<f64>>(
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
            _ => Err(wrong_type(&self.path, tensor, "real numbers")),
        }?;
        match numbers.iter().all(|&x| x.into().is_finite()) {
            true => Ok(numbers),
            false => {
                let (path, name) = (self.path.clone(), name.to_owned());
                Err(TensorProblem::NotFinite { path, name }.into())
            }
        }
    }

    /// Makes sure that there is a tensor that [`TensorFile::reals`] can read; reads no numbers.
    ///
    /// # Errors
    /// As [`TensorFile::get`].
    pub fn expect_reals(&self, name: &str, shape: &[usize]) -> Result<()> {
        let tensor = self.tensor(name, shape)?;
        match tensor.dtype {
            Dtype::F16 | Dtype::BF16 | Dtype::F32 | Dtype::F64 => Ok(()),
            _ => Err(wrong_type(&self.path, tensor, "real numbers")),
        }
    }

    /// The same tensors without the prefixes of wrappers, if all of them have it and `names` are
    /// without.
    pub fn without_wrappers(mut self, names: &[String]) -> Self {
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

    /// The first keys, for a message: what is wrong may be a prefix.
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

    /// Reads numbers of a tensor that is of `E`.
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

    /// Reads bytes of a tensor, block by block.
    fn blocks(
        &self,
        tensor: &TensorInfo,
        bytes: Range<usize>,
        mut each: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        assert!(bytes.end <= tensor.bytes(), "{bytes:?} of tensor {}", tensor.name);
        // Whoever panicked with the lock in hand left nothing that the next `seek` does not mend.
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

    /// Makes sure that there are no tensors but those named.
    ///
    /// # Errors
    /// [`TensorProblem::Unknown`] names the first that there is besides.
    pub fn expect_no_more(&self, names: &[String]) -> Result<()> {
        match self.tensors.iter().find(|tensor| !names.contains(&tensor.name)) {
            None => Ok(()),
            Some(tensor) => {
                let (path, name) = (self.path.clone(), tensor.name.clone());
                Err(TensorProblem::Unknown { path, name }.into())
            }
        }
    }

    /// A word of the metadata.
    ///
    /// # Errors
    /// [`TensorProblem::Metadata`] when it is missing.
    pub fn word(&self, key: &str) -> Result<&str> {
        self.metadata.get(key).map(String::as_str).ok_or_else(|| self.unusable(key))
    }

    /// A word of the metadata that is a number, or whatever else can be parsed.
    ///
    /// # Errors
    /// [`TensorProblem::Metadata`] when it is missing or not a `T`.
    pub fn parse<T: FromStr>(&self, key: &str) -> Result<T> {
        self.word(key)?.parse().map_err(|_| self.unusable(key))
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

/// What a file is whose header cannot be read.
fn not_whole(path: &Path, source: &mut impl Source, error: SafeTensorError) -> Error {
    match Foreign::of(path, source) {
        Some(kind) => TensorProblem::Foreign { path: path.to_owned(), kind }.into(),
        None => problem(path, error),
    }
}

/// What the `safetensors` crate says of a file.
fn problem(path: &Path, source: SafeTensorError) -> Error {
    match source {
        SafeTensorError::IoError(source) => FileError::at("read", path)(source).into(),
        source => TensorProblem::Format { path: path.to_owned(), source }.into(),
    }
}

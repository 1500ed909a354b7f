//! Named tensors in a file, in the safetensors format that PyTorch's users know.
//!
//! Bytes are a function of content: tensors lie in the `safetensors` crate's order (widest type
//! first, then by name), numbers are little-endian, and the metadata, which that crate writes in a
//! hash map's order, is sorted. Format: <https://huggingface.co/docs/safetensors>.

mod problem;

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use half::{bf16, f16};
use safetensors::tensor::{Dtype, Metadata, SafeTensors, TensorView, View};

use super::checkpoint::CheckpointProblem;
use crate::device::Real;
use crate::{Error, Result};
pub use problem::TensorProblem;

/// A safetensors file's first bytes: the header's length, u64.
const PREFIX: usize = 8;

/// The numbers of a tensor, row by row.
#[derive(Clone, Debug, PartialEq)]
#[allow(missing_docs)] // the names say it
pub enum TensorData {
    F16(Vec<f16>),
    BF16(Vec<bf16>),
    F32(Vec<f32>),
    F64(Vec<f64>),
    U32(Vec<u32>),
    U64(Vec<u64>),
    I64(Vec<i64>),
}

/// A tensor and its key.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// The key, such as `0.weight`.
    pub name: String,
    /// Extents, outermost first; none for a single number.
    pub shape: Vec<usize>,
    /// The numbers; as many as the extents' product.
    pub data: TensorData,
}

/// A number that tensors are made of.
pub trait Element: Copy + private::Sealed {
    /// The type as safetensors names it.
    const NAME: &'static str;
    /// The numbers of a tensor of this type.
    fn slice(data: &TensorData) -> Option<&[Self]>;
}

mod private {
    pub trait Sealed {}
}

macro_rules! elements {
    ($($number:ty => $kind:ident),*) => {
        $(impl private::Sealed for $number {}
        impl Element for $number {
            const NAME: &'static str = stringify!($kind);
            fn slice(data: &TensorData) -> Option<&[Self]> {
                match data { TensorData::$kind(values) => Some(values), _ => None }
            }
        }
        impl From<Vec<$number>> for TensorData {
            fn from(values: Vec<$number>) -> TensorData { TensorData::$kind(values) }
        })*

        impl TensorData {
            /// How many numbers there are.
            pub fn len(&self) -> usize {
                match self { $(TensorData::$kind(values) => values.len()),* }
            }

            fn dtype(&self) -> Dtype {
                match self { $(TensorData::$kind(_) => Dtype::$kind),* }
            }

            fn to_bytes(&self) -> Vec<u8> {
                match self {
                    $(TensorData::$kind(values) =>
                        values.iter().flat_map(|value| value.to_le_bytes()).collect()),*
                }
            }

            fn from_bytes(dtype: Dtype, bytes: &[u8]) -> Option<TensorData> {
                match dtype {
                    $(Dtype::$kind => {
                        let (numbers, _) = bytes.as_chunks();
                        let number = |bytes: &[u8; size_of::<$number>()]| <$number>::from_le_bytes(*bytes);
                        Some(TensorData::$kind(numbers.iter().map(number).collect()))
                    })*
                    _ => None,
                }
            }
        }
    };
}
elements!(f16 => F16, bf16 => BF16, f32 => F32, f64 => F64, u32 => U32, u64 => U64, i64 => I64);

impl TensorData {
    /// Whether there are no numbers.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl View for &NamedTensor {
    fn dtype(&self) -> Dtype {
        self.data.dtype()
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Owned(self.data.to_bytes())
    }

    fn data_len(&self) -> usize {
        self.data.len() * self.dtype().bitsize() / 8
    }
}

/// A safetensors file in memory.
#[derive(Clone, Debug)]
pub struct TensorFile {
    /// Words beside the tensors; `format` = `pt` is there from the start, as PyTorch's tools ask.
    pub metadata: BTreeMap<String, String>,
    tensors: Vec<NamedTensor>,
    path: PathBuf,
}

impl Default for TensorFile {
    fn default() -> TensorFile {
        TensorFile::new()
    }
}

impl TensorFile {
    /// A file without tensors.
    pub fn new() -> TensorFile {
        let metadata = BTreeMap::from([("format".to_owned(), "pt".to_owned())]);
        TensorFile { metadata, tensors: Vec::new(), path: PathBuf::new() }
    }

    /// Adds a tensor. Panics when `data` does not fill `shape`.
    pub fn push(&mut self, name: impl Into<String>, shape: &[usize], data: impl Into<TensorData>) {
        let (name, data) = (name.into(), data.into());
        assert_eq!(data.len(), shape.iter().product::<usize>(), "tensor {name} of shape {shape:?}");
        self.tensors.push(NamedTensor { name, shape: shape.to_owned(), data });
    }

    /// Where the file is; empty for one that was not read.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The tensors: as they were added, or as they lie in the file.
    pub fn tensors(&self) -> &[NamedTensor] {
        &self.tensors
    }

    /// The numbers of the tensor `name`.
    ///
    /// # Errors
    /// [`TensorProblem::Missing`]; [`TensorProblem::Type`] when it is not of `T`;
    /// [`TensorProblem::Shape`] when it is not of `shape`.
    pub fn get<T: Element>(&self, name: &str, shape: &[usize]) -> Result<&[T]> {
        let tensor = self.tensor(name, shape)?;
        T::slice(&tensor.data).ok_or_else(|| self.wrong_type(tensor, T::NAME))
    }

    fn tensor(&self, name: &str, shape: &[usize]) -> Result<&NamedTensor> {
        let (path, key) = (|| self.path.clone(), name.to_owned());
        match self.tensors.iter().find(|tensor| tensor.name == name) {
            None => Err(TensorProblem::Missing { path: path(), name: key }.into()),
            Some(tensor) if tensor.shape != shape => {
                let (got, expected) = (tensor.shape.clone(), shape.to_owned());
                Err(TensorProblem::Shape { path: path(), name: key, got, expected }.into())
            }
            Some(tensor) => Ok(tensor),
        }
    }

    fn wrong_type(&self, tensor: &NamedTensor, expected: &'static str) -> Error {
        let (path, name) = (self.path.clone(), tensor.name.clone());
        TensorProblem::Type { path, name, got: tensor.data.dtype().to_string(), expected }.into()
    }

    /// The numbers of the tensor `name`, of whatever type of real numbers they are stored as.
    ///
    /// # Errors
    /// As [`TensorFile::get`]; [`TensorProblem::NotFinite`] for NaN, infinity, and what the device's
    /// type cannot hold.
    pub fn reals<T: Real>(&self, name: &str, shape: &[usize]) -> Result<Vec<T>> {
        let tensor = self.tensor(name, shape)?;
        let numbers: Vec<T> = match &tensor.data {
            TensorData::F16(values) => values.iter().map(|x| T::from_f64(x.to_f64())).collect(),
            TensorData::BF16(values) => values.iter().map(|x| T::from_f64(x.to_f64())).collect(),
            TensorData::F32(values) => values.iter().map(|&x| T::from_f64(x.into())).collect(),
            TensorData::F64(values) => values.iter().map(|&x| T::from_f64(x)).collect(),
            _ => return Err(self.wrong_type(tensor, "real numbers")),
        };
        match numbers.iter().all(|x| x.to_f64().is_finite()) {
            true => Ok(numbers),
            false => {
                Err(TensorProblem::NotFinite { path: self.path.clone(), name: name.to_owned() }
                    .into())
            }
        }
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

    /// Makes sure that a word of the metadata is the one a network needs.
    ///
    /// # Errors
    /// [`CheckpointProblem::OfAnother`] when it is another, [`TensorProblem::Metadata`] when it is
    /// missing.
    pub fn expect_word(&self, key: &'static str, expected: &str) -> Result<()> {
        let got = self.word(key)?;
        if got == expected {
            return Ok(());
        }
        let (path, got, expected) = (self.path.clone(), got.to_owned(), expected.to_owned());
        Err(CheckpointProblem::OfAnother { path, key, got, expected }.into())
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

    /// The file's bytes; `path` is for the error's message.
    ///
    /// # Errors
    /// [`TensorProblem::Format`] when the header would be larger than 100 MB.
    pub fn to_bytes(&self, path: &Path) -> Result<Vec<u8>> {
        let mut names = HashSet::new();
        for tensor in &self.tensors {
            let new = names.insert(&tensor.name) && tensor.name != "__metadata__";
            assert!(new, "the name {} is taken", tensor.name);
        }
        let tensors = self.tensors.iter().map(|tensor| (&tensor.name, tensor));
        let bytes = safetensors::serialize(tensors, None)
            .map_err(|source| TensorProblem::Format { path: path.to_owned(), source })?;
        Ok(with_metadata(&bytes, &self.metadata))
    }

    /// Understands a file's bytes; `path` is for the errors' messages, now and in lookups.
    ///
    /// # Errors
    /// [`TensorProblem::Format`] for bytes that are not the format; [`TensorProblem::Type`] for a
    /// tensor of another type than [`TensorData`] has. Never panics.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<TensorFile> {
        let bad = |source| TensorProblem::Format { path: path.to_owned(), source };
        let (_, header) = SafeTensors::read_metadata(bytes).map_err(bad)?;
        let views = SafeTensors::deserialize(bytes).map_err(bad)?;
        let tensor =
            |name: String| NamedTensor::read(path, views.tensor(&name).map_err(bad)?, name);
        Ok(TensorFile {
            metadata: words(&header),
            tensors: header.offset_keys().into_iter().map(tensor).collect::<Result<_>>()?,
            path: path.to_owned(),
        })
    }

    /// Reads a file.
    ///
    /// # Errors
    /// As [`TensorFile::from_bytes`], and I/O.
    pub fn read(path: &Path) -> Result<TensorFile> {
        TensorFile::from_bytes(path, &std::fs::read(path).map_err(Error::io("read", path))?)
    }
}

impl NamedTensor {
    fn read(path: &Path, view: TensorView<'_>, name: String) -> Result<NamedTensor> {
        let dtype = view.dtype();
        let Some(data) = TensorData::from_bytes(dtype, view.data()) else {
            let (path, got) = (path.to_owned(), dtype.to_string());
            let expected = "F16, BF16, F32, F64, U32, U64 or I64";
            return Err(TensorProblem::Type { path, name, got, expected }.into());
        };
        Ok(NamedTensor { name, shape: view.shape().to_owned(), data })
    }
}

fn words(header: &Metadata) -> BTreeMap<String, String> {
    header.metadata().iter().flatten().map(|(key, word)| (key.clone(), word.clone())).collect()
}

/// Puts sorted metadata first into the header of a file that has none, as the crate would.
fn with_metadata(bytes: &[u8], metadata: &BTreeMap<String, String>) -> Vec<u8> {
    let mut length = [0; PREFIX];
    length.copy_from_slice(&bytes[..PREFIX]);
    let (header, data) = bytes[PREFIX..].split_at(u64::from_le_bytes(length) as usize);
    let tensors = header.trim_ascii_end().strip_prefix(b"{").unwrap_or_default();
    let comma = if tensors == b"}" { "" } else { "," };
    let words = serde_json::json!(metadata);
    let mut header = format!("{{\"__metadata__\":{words}{comma}").into_bytes();
    header.extend_from_slice(tensors);
    header.resize(header.len().next_multiple_of(PREFIX), b' ');
    [&(header.len() as u64).to_le_bytes()[..], &header, data].concat()
}

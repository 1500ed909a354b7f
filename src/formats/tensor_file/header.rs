//! The header of a safetensors file: its length, then the tensors as JSON.

use std::collections::{BTreeMap, HashMap};
use std::io::{Read, Seek, SeekFrom};

use safetensors::SafeTensorError;
use safetensors::tensor::{Dtype, Metadata, TensorInfo as Entry};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

/// Size of the header's length (u64).
const PREFIX: usize = 8;
/// The `safetensors` crate refuses longer ones.
const LONGEST: u64 = 100_000_000;

/// A tensor in a file, without its numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TensorInfo {
    /// The key, such as `0.weight`.
    pub name: String,
    /// Extents, outermost first; empty for a scalar.
    pub shape: Vec<usize>,
    /// The type of its elements.
    pub dtype: Dtype,
    /// Offset of its numbers from the beginning of the file, in bytes.
    pub(super) start: u64,
}

impl TensorInfo {
    /// Number of elements.
    pub fn count(&self) -> usize {
        self.shape.iter().product()
    }

    /// Size in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.count() * self.dtype.bitsize() / 8
    }
}

/// Reads the header with its length prefix, valid or not. A wrong length takes no memory: the
/// file's size is the limit.
pub(crate) fn first_bytes(
    file: &mut (impl Read + Seek + ?Sized),
) -> Result<Vec<u8>, SafeTensorError> {
    let length = file.seek(SeekFrom::End(0))?;
    let rest = length.checked_sub(PREFIX as u64).ok_or(SafeTensorError::HeaderTooSmall)?;
    file.rewind()?;
    let mut prefix = [0; PREFIX];
    file.read_exact(&mut prefix)?;
    match u64::from_le_bytes(prefix) {
        header if header > LONGEST => Err(SafeTensorError::HeaderTooLarge),
        header if header > rest => Err(SafeTensorError::InvalidHeaderLength),
        header => {
            let mut bytes = prefix.to_vec();
            bytes.resize(PREFIX + header as usize, 0);
            file.read_exact(&mut bytes[PREFIX..])?;
            Ok(bytes)
        }
    }
}

/// A parsed header.
pub(super) struct Header {
    pub(super) metadata: BTreeMap<String, String>,
    /// In file order.
    pub(super) tensors: Vec<TensorInfo>,
}

/// The JSON structure.
#[derive(Deserialize)]
struct Text {
    #[serde(rename = "__metadata__")]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(flatten)]
    tensors: HashMap<String, Entry>,
}

impl Header {
    /// Parses the [`first_bytes`] of a file of `length` bytes and checks that all tensors are
    /// within it.
    pub(super) fn parse(first: &[u8], length: u64) -> Result<Self, SafeTensorError> {
        let text = std::str::from_utf8(&first[PREFIX..]).map_err(SafeTensorError::InvalidHeader)?;
        let Text { metadata, tensors } =
            serde_json::from_str(text).map_err(SafeTensorError::InvalidHeaderDeserialization)?;
        let mut tensors: Vec<_> = tensors.into_iter().collect();
        tensors.sort_by_key(|(_, entry)| entry.data_offsets);
        let numbers = Metadata::new(None, tensors.clone())?.data_len();
        let start = first.len() as u64;
        if start + numbers as u64 != length {
            return Err(SafeTensorError::MetadataIncompleteBuffer);
        }
        let info = |(name, Entry { dtype, shape, data_offsets: (begin, _) })| TensorInfo {
            name,
            shape,
            dtype,
            start: start + begin as u64,
        };
        let tensors = tensors.into_iter().map(info).collect();
        Ok(Self { metadata: metadata.unwrap_or_default(), tensors })
    }
}

/// Encodes the header of a file with these tensors, in this order.
pub(super) fn encode<'a>(
    metadata: &BTreeMap<String, String>,
    tensors: impl Iterator<Item = &'a TensorInfo>,
) -> Result<Vec<u8>, SafeTensorError> {
    let header = Entries { metadata, tensors: entries(tensors) };
    let mut bytes = vec![0; PREFIX];
    serde_json::to_writer(&mut bytes, &header)?;
    bytes.resize(bytes.len().next_multiple_of(PREFIX), b' ');
    let length = (bytes.len() - PREFIX) as u64;
    bytes[..PREFIX].copy_from_slice(&length.to_le_bytes());
    if length > LONGEST { Err(SafeTensorError::HeaderTooLarge) } else { Ok(bytes) }
}

/// The JSON entries of consecutive tensors.
fn entries<'a>(tensors: impl Iterator<Item = &'a TensorInfo>) -> Vec<(&'a str, Entry)> {
    let mut end = 0;
    let entry = |tensor: &'a TensorInfo| {
        let begin = end;
        end += tensor.bytes();
        let (dtype, shape) = (tensor.dtype, tensor.shape.clone());
        (tensor.name.as_str(), Entry { dtype, shape, data_offsets: (begin, end) })
    };
    tensors.map(entry).collect()
}

/// A header with sorted metadata; the crate writes it in the order of a hash map.
struct Entries<'a> {
    metadata: &'a BTreeMap<String, String>,
    tensors: Vec<(&'a str, Entry)>,
}

impl Serialize for Entries<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("__metadata__", self.metadata)?;
        self.tensors.iter().try_for_each(|(name, entry)| map.serialize_entry(name, entry))?;
        map.end()
    }
}

//! What can be wrong with a file of tensors.

use std::path::PathBuf;

use super::Foreign;

/// Why a file of tensors cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// A file is not in the safetensors format, or tensors cannot be written in it.
    #[error("{path} is not a whole safetensors file")]
    Format {
        /// The file.
        path: PathBuf,
        /// The format's word.
        source: safetensors::SafeTensorError,
    },

    /// A file is of another format.
    #[error("{path} is no safetensors file, but {kind}")]
    Foreign {
        /// The file.
        path: PathBuf,
        /// Which, and what to do.
        kind: Foreign,
    },

    /// A tensor's numbers are of a type that is not asked for, or that we do not read.
    #[error("tensor {name} in {path} holds {got}, not {expected}")]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The type in the file, as safetensors names it.
        got: String,
        /// What is wanted.
        expected: String,
    },

    /// A tensor is not of the shape that the network has.
    #[error(
        "tensor {name} in {path} has shape {got:?}, not {expected:?}: it belongs to another network"
    )]
    Shape {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The shape in the file.
        got: Vec<usize>,
        /// The shape that is wanted.
        expected: Vec<usize>,
    },

    /// A file lacks a tensor.
    #[error("no tensor {name} in {path}, which has {found}: it belongs to another network")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The first keys that are there.
        found: String,
    },

    /// A file has a tensor that the network has no place for.
    #[error("the network has no place for tensor {name} in {path}: it belongs to another network")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
    },

    /// A tensor holds NaN, infinity, or numbers too large for the device.
    #[error("tensor {name} in {path} has numbers that are not finite")]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
    },

    /// A file lacks a word of its metadata, or it cannot be understood.
    #[error("{path} has no usable {key} in its metadata")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The word's key.
        key: String,
    },
}

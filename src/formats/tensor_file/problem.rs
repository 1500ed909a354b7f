//! Errors of safetensors files.

use std::path::PathBuf;

use super::UnsupportedFile;

/// Why a safetensors file cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TensorProblem {
    /// A file is not valid safetensors, or tensors cannot be written in this format.
    #[error("{path} is not a valid safetensors file")]
    Invalid {
        /// The file.
        path: PathBuf,
        /// The error of the `safetensors` crate.
        source: safetensors::SafeTensorError,
    },

    /// A file is in another format.
    #[error("{path} is not a safetensors file but {kind}")]
    UnsupportedFormat {
        /// The file.
        path: PathBuf,
        /// The format, and what to do.
        kind: UnsupportedFile,
    },

    /// A tensor has an unexpected or unsupported type.
    #[error("tensor {name} in {path} holds {got}, not {expected}")]
    Type {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The safetensors type in the file.
        got: String,
        /// The expected type.
        expected: String,
    },

    /// A tensor does not have the shape of the network's tensor.
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
        /// The expected shape.
        expected: Vec<usize>,
    },

    /// A file lacks a tensor.
    #[error("no tensor {name} in {path}, which has {found}: it belongs to another network")]
    Missing {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
        /// The first keys in the file.
        found: String,
    },

    /// A file has a tensor that the network does not have.
    #[error("the network has no tensor {name}, which is in {path}: it belongs to another network")]
    Unknown {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
    },

    /// A tensor holds NaN, infinity, or numbers out of the device's range.
    #[error("tensor {name} in {path} has numbers that are not finite")]
    NotFinite {
        /// The file.
        path: PathBuf,
        /// The tensor's key.
        name: String,
    },

    /// A metadata value is missing or invalid.
    #[error("{path} has no valid {key} in its metadata")]
    Metadata {
        /// The file.
        path: PathBuf,
        /// The key.
        key: String,
    },
}

//! Files as bytes: how each format is written and read, and writing that leaves a file whole or
//! absent.
//!
//! | module | holds |
//! |---|---|
//! | [`files`] | writing whole files |
//! | [`tensor_file`] | safetensors |
//! | [`records`] | `stats.jsonl` |
//! | [`events`] | what TensorBoard shows |
//! | `onnx` | the messages of an ONNX model |
//! | [`npy`] | NumPy's arrays |
//! | [`png`], `gif` | pictures |

mod error;
pub mod events;
pub mod files;
#[cfg(feature = "plot")]
pub mod gif;
pub mod npy;
pub(crate) mod onnx;
pub mod png;
pub mod records;
pub mod tensor_file;

pub use error::{Error, Result};

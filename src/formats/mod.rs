//! File formats: reading, writing, and atomic file writes.
//!
//! | module | holds |
//! |---|---|
//! | [`files`] | atomic file writes |
//! | [`tensor_file`] | safetensors |
//! | [`stats`] | `stats.jsonl` |
//! | [`events`] | TensorBoard event files |
//! | `onnx` | ONNX protocol buffers |
//! | [`npy`] | NumPy arrays |
//! | [`png`], `gif` | image files |

mod error;
pub mod events;
pub mod files;
#[cfg(feature = "plot")]
pub mod gif;
pub mod npy;
pub(crate) mod onnx;
pub mod png;
pub mod stats;
pub mod tensor_file;

pub use error::{Error, Result};

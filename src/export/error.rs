//! Errors of exporting a generator.

use crate::text::bytes;
use crate::{formats, run};

/// Why a generator cannot be exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The checkpoint is invalid.
    #[error(transparent)]
    Run(#[from] run::Error),

    /// A tensor is invalid.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// A key prefix that cannot be the name of a PyTorch module.
    #[error(
        "{path:?} cannot be the name of a PyTorch module: change the key_prefix of its sequence"
    )]
    ModuleName {
        /// The name, with those of the modules around it.
        path: String,
    },

    /// The generator is too large for ONNX.
    #[error(
        "the generator's weights have {size}, but an ONNX file holds at most 2 GiB",
        size = bytes(*weights)
    )]
    TooLarge {
        /// Size of its weights in bytes.
        weights: usize,
    },

    /// The generator is too large for a web page.
    #[error(
        "the generator's weights take {size} of a web page, but browsers hold at most 512 MiB",
        size = bytes(*weights)
    )]
    PageTooLarge {
        /// Size of its weights in base64, in bytes.
        weights: usize,
    },
}

/// A result with this module's error by default.
pub type Result<T, E = Error> = std::result::Result<T, E>;

//! Why a generator cannot be written for other programs.

use crate::text::bytes;
use crate::{formats, run};

/// What can go wrong with an export.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The checkpoint cannot be taken.
    #[error(transparent)]
    Run(#[from] run::Error),

    /// A tensor is not what it should be.
    #[error(transparent)]
    Format(#[from] formats::Error),

    /// It is too large for ONNX.
    #[error(
        "the generator's weights have {size}, but an ONNX file holds at most 2 GiB",
        size = bytes(*weights)
    )]
    TooLarge {
        /// Bytes of its weights.
        weights: usize,
    },
}

/// A result whose error is this room's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

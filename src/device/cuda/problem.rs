//! Why a GPU does not compute.

use super::{Unavailable, nvrtc};

/// Why a GPU cannot be used, or what it failed at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaProblem {
    /// One was asked for that cannot be used.
    #[error("cannot compute on {device}")]
    Unavailable {
        /// What was asked for.
        device: String,
        /// Why not, and what to do.
        #[source]
        reason: Unavailable,
    },

    /// The kernels had to be compiled on this machine, and that failed.
    #[error("cannot compile {file}")]
    Compile {
        /// The file of kernels.
        file: &'static str,
        /// The compiler's word.
        source: nvrtc::Problem,
    },

    /// The GPU, its driver or one of its libraries failed.
    #[error("the GPU failed while {action}")]
    Failed {
        /// What it was doing: "computing", "recording a graph", …
        action: &'static str,
        /// The driver's or library's word.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

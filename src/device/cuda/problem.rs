//! Errors of the CUDA device.

use super::{Unavailable, nvrtc};

/// Why a GPU cannot be used, or what it failed at.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CudaProblem {
    /// The selected GPU cannot be used.
    #[error("cannot compute on {device}")]
    Unavailable {
        /// The selected device.
        device: String,
        /// Why not, and the remedy.
        #[source]
        reason: Unavailable,
    },

    /// The kernels had to be compiled on this machine, and compilation failed.
    #[error("cannot compile {file}")]
    Compile {
        /// The kernel file.
        file: &'static str,
        /// The compiler's error.
        source: nvrtc::Problem,
    },

    /// There is no NCCL on this machine.
    #[error("NCCL not found (searched: {})", searched.join(", "))]
    NoNccl {
        /// The folders that were searched, and what could not be opened.
        searched: Vec<String>,
    },

    /// The GPU, its driver or one of its libraries failed.
    #[error("the GPU failed while {action}")]
    Failed {
        /// What it was doing: "computing", "capturing a CUDA graph", …
        action: &'static str,
        /// The error of the driver or library.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

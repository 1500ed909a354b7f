//! Why a device does not compute.

use super::cuda::CudaProblem;
use crate::memory::OutOfMemory;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A GPU was asked for that cannot be used, or it failed.
    #[error(transparent)]
    Cuda(#[from] CudaProblem),

    /// There is not enough memory.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
}

/// A result whose error is the device's unless another is named.
pub type Result<T, E = Error> = std::result::Result<T, E>;

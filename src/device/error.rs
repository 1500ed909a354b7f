//! Errors of devices.

use super::cuda::CudaProblem;
use crate::memory::OutOfMemory;

/// What can go wrong on a device.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The selected GPU cannot be used, or it failed.
    #[error(transparent)]
    Cuda(#[from] CudaProblem),

    /// The device is out of memory.
    #[error(transparent)]
    OutOfMemory(#[from] OutOfMemory),
}

/// A `Result` whose error type defaults to the device's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

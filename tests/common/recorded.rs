//! Where PyTorch's recorded runs are, also for a test program that was taken elsewhere.

use std::env;
use std::path::{Path, PathBuf};

/// `GAN_CUDA_GOLDEN_DIR`, or `tests/golden/` of the source where that is unset.
pub fn folder() -> PathBuf {
    let source = || Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    env::var_os("GAN_CUDA_GOLDEN_DIR").map_or_else(source, PathBuf::from)
}

//! Versions of CUDA, and the targets that kernels are compiled for.
//!
//! The build script uses this module too, so it uses nothing of the crate.

use std::fmt;

/// A version of CUDA, or a GPU's compute capability: 9.0 is `Version { major: 9, minor: 0 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// The number before the point.
    pub major: u32,
    /// The number after the point.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// A compilation target; 90 is compute capability 9.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// PTX: compiled by the driver, for this capability and every later one.
    Ptx(u32),
    /// Machine code for this capability and later ones with the same major version.
    Cubin(u32),
}

/// As the compiler names it: `compute_75`, `sm_90`.
impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Target::Ptx(number) => write!(f, "compute_{number}"),
            Target::Cubin(number) => write!(f, "sm_{number}"),
        }
    }
}

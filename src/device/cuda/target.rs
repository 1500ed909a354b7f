//! Versions of CUDA, and what kernels are compiled for.
//!
//! The build uses them too, so this module uses nothing of the crate.

use std::fmt;

/// A version of CUDA, or a GPU's compute capability: 9.0 is `Version { major: 9, minor: 0 }`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// What stands before the point.
    pub major: u32,
    /// What stands behind it.
    pub minor: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// What to compile for; 90 is compute capability 9.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Text for a driver to compile, for this capability and every later one.
    Ptx(u32),
    /// Machine code for this capability and later ones of the same major number.
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

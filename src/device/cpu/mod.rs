//! The CPU device.
pub(crate) mod gemm;
pub(crate) mod simd;
pub(crate) mod team;

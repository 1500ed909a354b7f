//! The CPU device.
pub(crate) mod team;

//! The loaded kernels: typed launchers that the build generates from `kernels/*.cu`.

// A launcher has as many arguments as its kernel.
#![allow(clippy::too_many_arguments)]

use super::launch::{Launch, extent};
use super::memory::{View, ViewMut};
use crate::device::ops::contract;

include!(concat!(env!("OUT_DIR"), "/launchers.rs"));

//! A from-scratch GAN training engine.
#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod data;
pub mod device;
mod error;
pub mod gan;
pub mod nn;
pub mod rng;
pub mod train;

pub use error::{Error, Result};

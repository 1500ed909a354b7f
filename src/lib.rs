//! A from-scratch GAN training engine.
#![warn(missing_docs)]
#![deny(unsafe_code)]

pub mod data;
pub mod device;
mod error;
pub mod train;

pub use error::{Error, Result};

//! Training: the loop, what is wrong with a run, and who watches it.

mod error;
pub mod health;
pub mod observer;
pub mod trainer;

pub use error::{Error, Result};

//! Training: the training loop, health checks of a run, and the observer interface.

mod error;
pub mod follower;
pub mod health;
pub mod observer;
pub mod ranks;
pub mod set;
pub mod trainer;

pub use error::{Error, Result};

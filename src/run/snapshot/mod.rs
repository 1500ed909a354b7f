//! Saves a GAN in training as a [`Checkpoint`](crate::run::checkpoint::Checkpoint) and restores it;
//! only one tensor at a time is in host memory.

mod contents;
mod read;
mod restore;
mod save;

pub use contents::{Progress, class_names};
pub(super) use read::read_network;
pub use read::{config, data_checksum, expect_networks, iteration, model, sampler};
pub use restore::restore;
pub use save::checkpoint_writer;

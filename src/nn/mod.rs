//! Layers and networks: explicit forward and backward passes, no tape.
//!
//! A [`Network`] is a list of [`Block`]s over one flat buffer of parameters ([`Params`]). A block
//! is a linear layer with what follows it: batch normalisation, dropout, an activation. All
//! memory is allocated when a network is built; passes only queue operations.

mod block;
mod init;
mod matrix;
mod network;
mod params;

pub use block::{Block, BlockSpec};
pub use init::Init;
pub use matrix::Matrix;
pub use network::{Embedded, Gradients, Masks, Network, NetworkSpec};
pub use params::{Moment, Param, Params, Slot};

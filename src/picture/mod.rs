//! Pictures: of samples, of losses, of networks.
//!
//! | module | holds |
//! |---|---|
//! | [`grid`] | images side by side |
//! | [`image_stats`] | how strong they are in contrast and colour |
//! | `plot` | a run's losses |
//! | `replay` | a run's samples, one after the other |
//! | [`diagram`] | networks and a training iteration |

pub mod diagram;
mod error;
pub mod grid;
pub mod image_stats;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(feature = "plot")]
pub mod replay;

pub use error::{Error, Result};

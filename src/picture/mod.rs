//! Pictures: image files for people. Sample grids, loss plots, animations and diagrams.
//!
//! | module | holds |
//! |---|---|
//! | [`grid`] | grids of images as PNG |
//! | [`image_stats`] | contrast and colour statistics of images |
//! | `plot` | the plot of a run's losses, image statistics and scores |
//! | `replay` | a run's sample grids as an animated GIF |
//! | [`diagram`] | diagrams of the networks and a training iteration |

pub mod diagram;
mod error;
pub mod grid;
pub mod image_stats;
#[cfg(feature = "plot")]
pub mod plot;
#[cfg(feature = "plot")]
pub mod replay;

pub use error::{Error, Result};

//! The files of a run: writing and reading them.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | the configuration: `config.toml` |
//! | [`dir`], [`lock`] | the run folder and its lock |
//! | [`journal`] | `log.txt` and `stats.jsonl` |
//! | [`snapshot`], [`checkpoint`] | saving and restoring a GAN |
//! | [`initial_weights`] | initial weights from files |
//! | [`overview`] | the state of a run, read from its folder |
//! | [`set`] | sets of runs that differ in some settings |

pub mod checkpoint;
pub mod config;
pub mod dir;
mod error;
pub mod initial_weights;
pub mod journal;
pub mod lock;
pub mod overview;
pub mod set;
pub mod snapshot;

pub use error::{Error, Result};

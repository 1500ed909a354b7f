//! A run as files: what is in its folder, and how that is read again.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | all that decides a run: `config.toml` |
//! | [`dir`], [`lock`] | the folder, and who may write to it |
//! | [`journal`] | `log.txt` and `stats.jsonl` |
//! | [`snapshot`], [`checkpoint`] | a GAN as files, and back |
//! | [`initial`] | weights from elsewhere that a run begins with |
//! | [`overview`] | how a run stands, seen from outside |

pub mod checkpoint;
pub mod config;
pub mod dir;
mod error;
pub mod initial;
pub mod journal;
pub mod lock;
pub mod overview;
pub mod snapshot;

pub use error::{Error, Result};

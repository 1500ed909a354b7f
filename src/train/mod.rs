//! Training: the loop, the run folder and its formats.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | all that decides a run: `config.toml` |
//! | [`trainer`] | the loop |
//! | [`health`] | what is wrong with a run |
//! | [`display`] | what a person sees meanwhile |
//! | [`run_dir`], [`run_lock`], [`files`] | the run folder, and writing to it safely |
//! | [`journal`], [`records`] | `log.txt` and `stats.jsonl` |
//! | [`snapshot`], [`checkpoint`], [`tensor_file`] | a GAN as files, and back |
//! | [`grid`], [`plot`] | pictures |

pub mod checkpoint;
pub mod config;
pub mod display;
pub mod files;
pub mod grid;
pub mod health;
pub mod journal;
mod loss_curve;
pub mod plot;
pub mod records;
pub mod run_dir;
pub mod run_lock;
pub mod snapshot;
pub mod tensor_file;
pub mod trainer;

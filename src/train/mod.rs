//! Training: the loop, the run folder and its formats.
//!
//! | module | holds |
//! |---|---|
//! | [`config`] | all that decides a run: `config.toml` |
//! | [`trainer`] | the loop |
//! | [`health`] | what is wrong with a run |
//! | [`observer`] | what leaves the loop, for whoever watches |
//! | [`run_dir`], [`run_lock`], [`files`] | the run folder, and writing to it safely |
//! | [`overview`] | how a run stands, seen from outside |
//! | [`journal`], [`records`] | `log.txt` and `stats.jsonl` |
//! | [`events`] | what TensorBoard shows |
//! | [`image_stats`] | contrast and colour of images |
//! | [`snapshot`], [`checkpoint`], [`tensor_file`] | a GAN as files, and back |
//! | [`grid`], [`plot`], [`animation`], [`replay`], [`picture_problem`] | pictures |

#[cfg(feature = "plot")]
pub mod animation;
pub mod checkpoint;
pub mod config;
pub mod events;
pub mod files;
pub mod grid;
pub mod health;
pub mod image_stats;
pub mod journal;
pub mod observer;
pub mod overview;
pub mod picture_problem;
#[cfg(feature = "plot")]
pub mod plot;
pub mod records;
#[cfg(feature = "plot")]
pub mod replay;
pub mod run_dir;
pub mod run_lock;
pub mod snapshot;
pub mod tensor_file;
pub mod trainer;

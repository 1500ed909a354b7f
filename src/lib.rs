//! A from-scratch GAN training engine: explicit forward and backward passes, no autograd.
//!
//! Most users run the command line program `gan-cuda`, which is built on this library.
//!
//! ```
//! use gan_cuda::data::{DatasetKind, SearchPaths};
//! use gan_cuda::device::cpu::Cpu;
//! use gan_cuda::gan::dataset::{DeviceDataset, Schedule};
//! use gan_cuda::gan::rewrite::Rewrite;
//! use gan_cuda::gan::settings::Settings;
//! use gan_cuda::gan::{Gan, Model, preset};
//!
//! let digits = DatasetKind::Mnist.load(&SearchPaths::default())?;
//! let preset = preset::find("mlp").expect("a preset of this name");
//! let hidden = Some(vec![32]);
//! let narrow = Rewrite { g_hidden: hidden.clone(), d_hidden: hidden, ..Rewrite::default() };
//! let settings = preset.rewritten(&narrow).expect("layers that the preset has");
//! let model = Model::new(Settings { batch_size: 16, ..settings })?;
//! let mut gan = Gan::new(Cpu::<f32>::new(1), model, 0)?;
//! let schedule = Schedule { images: digits.len(), batch_size: 16, least: 1 };
//! let mut images = DeviceDataset::new(gan.device(), &digits.images, &digits.labels, schedule)?;
//! images.shuffle(gan.device(), 0, 0)?;
//! for iteration in 0..20 {
//!     gan.iterate(&images, schedule.rows(iteration));
//! }
//! let metrics = gan.metrics(20)?;
//! assert!(metrics.d_loss > 0.0 && metrics.g_loss > 0.0);
//! # Ok::<(), gan_cuda::Error>(())
//! ```
//!
//! # Features
//!
//! | feature | holds |
//! |---|---|
//! | `images` | data sets of image files in folders |
//! | `plot` | `loss.png`, animated GIFs |
//! | `fetch` | downloads of data sets, the only code that connects to the internet |
//! | `cli` | the program, with all of these |
//!
//! All are on by default. Without any of them the library still has all devices, the embedded
//! digits, IDX files, training, checkpoints and sample grids.
//!
//! # Modules
//! A module imports only modules below it; a test enforces this.
//!
//! | module | holds |
//! |---|---|
//! | [`cli`] | the program `gan-cuda` |
//! | [`export`] | export of a trained generator: ONNX, safetensors, web page |
//! | [`train`] | the training loop, divergence checks, the observer of a run |
//! | [`eval`] | scores of a generator |
//! | [`run`] | a run's folder: configuration, checkpoints, log |
//! | [`picture`] | grids of samples, plots, diagrams |
//! | [`import`] | a GAN from the modules that PyTorch prints |
//! | [`gan`] | presets, the steps of an iteration, losses, sampling |
//! | [`nn`] | layers, networks, passes, Adam |
//! | [`data`] | images and labels |
//! | [`device`] | the contract of every operation, and its two implementations |
//! | [`group`] | the processes of a run |
//! | [`formats`] | files as bytes |
//! | [`memory`] | the machine's available memory |
//! | [`ranges`] | valid ranges of all configurable numbers |
//! | [`choice`] | enums whose values have keywords in flags and files |
//! | [`text`] | formatting of numbers, names and errors |
//! | [`rng`] | random numbers, identical on every device |
//! | [`mark`] | the mark in image files that this program writes |
//! | [`file_error`] | errors of the file system |
//!
//! Each module that does I/O has its own error type; [`enum@Error`] joins them.

#![warn(missing_docs)]
#![deny(unsafe_code)]
// Without all features, some links in the documentation have no target.
#![cfg_attr(
    not(feature = "cli"),
    allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)
)]

pub mod choice;
#[cfg(feature = "cli")]
pub mod cli;
pub mod data;
pub mod device;
mod error;
pub mod eval;
pub mod export;
pub mod file_error;
pub mod formats;
pub mod gan;
pub mod group;
pub mod import;
pub mod mark;
pub mod memory;
pub mod nn;
pub mod picture;
pub mod ranges;
pub mod rng;
pub mod run;
pub mod text;
pub mod train;

pub use error::Error;

/// Compiles and runs the example of README.md.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

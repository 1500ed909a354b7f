//! A from-scratch GAN training engine: explicit forward and backward passes, no autograd.
//!
//! The command line program `gan-cuda` is the usual way in; this library is what it is made of.
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
//! | `images` | folders of images to learn from |
//! | `plot` | `loss.png`, animated GIFs |
//! | `fetch` | downloads of data sets, the only code that opens a connection |
//! | `cli` | the program, with all of these |
//!
//! All are on by default. Without any of them there are still all devices, the digits inside the
//! library, IDX files, training, checkpoints and sample grids.
//!
//! # Rooms
//! A room imports only rooms below it, as a test makes sure.
//!
//! | room | holds |
//! |---|---|
//! | [`export`] | a trained generator for other programs |
//! | [`train`] | the loop, the health of a run, and who watches it |
//! | [`eval`] | scores of a generator |
//! | [`run`] | a run's folder: configuration, checkpoints, log |
//! | [`picture`] | grids of samples, plots, diagrams |
//! | [`gan`] | set-ups, the steps of an iteration, losses, samples |
//! | [`nn`] | layers, networks, passes, Adam |
//! | [`data`] | images and labels |
//! | [`device`] | the contract of every operation, and its two implementations |
//! | [`formats`] | files as bytes |
//! | [`memory`] | how much of the machine's memory is left |
//! | [`ranges`] | what numbers a person may choose |
//! | [`choice`] | values that are one of a few, each with its word |
//! | [`text`] | numbers, names and errors as people write them |
//! | [`rng`] | random numbers that every device draws alike |
//! | [`mark`] | by which pictures that we wrote are known |
//! | [`file_error`] | a file that the system does not let us use |
//!
//! Each of the large ones has an error of its own; [`enum@Error`] is any of them.

#![warn(missing_docs)]
#![deny(unsafe_code)]
// Links to what the other features hold lead nowhere then.
#![cfg_attr(
    not(feature = "cli"),
    allow(rustdoc::broken_intra_doc_links, rustdoc::private_intra_doc_links)
)]

pub mod choice;
pub mod data;
pub mod device;
mod error;
pub mod eval;
pub mod export;
pub mod file_error;
pub mod formats;
pub mod gan;
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

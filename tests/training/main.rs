//! Whole training runs through the library, on the CPU: batches, determinism, resuming, scores,
//! errors. Tests for every device are in tests/devices/training.

mod batches;
mod determinism;
mod evaluation;
#[path = "../common/forge.rs"]
mod forge;
mod format_2;
mod ranks;
mod refusal;
mod resume;
#[path = "../common/runs.rs"]
mod runs;
mod techniques;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use gan_cuda::data::Dataset;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::gan::Model;
use gan_cuda::gan::preset::{self, Preset};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::Settings;
use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::config::Config;
use gan_cuda::run::dir::RunDir;
use gan_cuda::train::trainer::Trainer;
use runs::{
    NEVER, assert_same, config, digits, left_by, resume_on, small, train_on, with_everything,
    without_total_epochs,
};
use tempfile::TempDir;

/// Starts a run and trains it to its end.
fn train(config: &Config, data: &Dataset, runs: &Path) -> RunDir {
    train_on(Cpu::<f32>::new(config.threads), config, data, runs)
}

/// A finished run on `images` digits, in a temporary folder.
fn trained(config: &Config, images: usize) -> (TempDir, Dataset, RunDir) {
    runs::trained(Cpu::<f32>::new(config.threads), config, images)
}

/// Resumes a run.
fn resume(config: &Config, data: &Dataset, run: &RunDir, iteration: u64) -> Trainer<Cpu<f32>> {
    resume_on(Cpu::<f32>::new(config.threads), config, data, run, iteration)
}

/// The networks in a run's checkpoints.
fn weights(files: &BTreeMap<String, Vec<u8>>) -> Vec<&Vec<u8>> {
    let network = |name: &str| name.ends_with("/generator") || name.ends_with("/discriminator");
    files.iter().filter(|(name, _)| network(name)).map(|(_, bytes)| bytes).collect()
}

/// A preset by name.
fn preset(name: &str) -> &'static Preset {
    preset::find(name).unwrap()
}

//! What was typed, and what it means.
//!
//! Each command has a file: a clap struct of flags as they were given, and a function that turns
//! them into a validated configuration and runs it.

/// As `println!`, for output that may lose its reader.
macro_rules! say {
    ($($text:tt)*) => {
        gan_cuda::train::display::print_line(&format!($($text)*))
    };
}

mod bench;
mod presets;
mod ranges;
mod train;

use clap::{Parser, Subcommand};
use gan_cuda::Result;
use gan_cuda::device::DeviceChoice;
use gan_cuda::device::cpu::Cpu;

/// Trains generative adversarial networks from scratch.
#[derive(Parser)]
#[command(version, max_term_width = 100, propagate_version = true, subcommand_required = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a GAN; without flags a conditional one on handwritten digits
    Train(Box<train::Args>),
    /// List the set-ups, or show one with its layers
    Presets(presets::Args),
    /// Measure the time of a training iteration
    Bench(bench::Args),
}

impl Cli {
    /// Does what was asked for.
    ///
    /// # Errors
    /// Whatever went wrong, for `main` to print.
    pub fn run(self) -> Result<()> {
        match self.command {
            Command::Train(args) => train::run(*args),
            Command::Presets(args) => presets::run(&args),
            Command::Bench(args) => bench::run(&args),
        }
    }
}

/// All physical cores that this process may use.
fn default_threads() -> usize {
    let allowed = std::thread::available_parallelism().map_or(1, usize::from);
    num_cpus::get_physical().clamp(1, allowed)
}

/// The device that was asked for.
fn open_device(choice: DeviceChoice, threads: usize) -> Result<Cpu<f32>> {
    match choice {
        DeviceChoice::Auto | DeviceChoice::Cpu => Ok(Cpu::new(threads)),
        DeviceChoice::Cuda(_) => Err(gan_cuda::Error::NoDevice {
            device: choice.to_string(),
            problem: "this version computes on the CPU alone; use --device cpu or leave it out",
        }),
    }
}

//! The program `gan-cuda`: flags, commands and the terminal.
//!
//! [`main`](fn@main) is the program, and [`call`] has commands as functions, for other programs.
//!
//! Each command has a file or a folder: a clap struct of its flags as given, and a function that
//! turns them into a validated configuration and runs the command.

/// Like `println!`, but prints exactly one line (control characters are escaped) and does not panic
/// when standard output is closed.
macro_rules! print_line {
    ($($text:tt)*) => {
        $crate::cli::display::print_line(&format!($($text)*))
    };
}

mod advice;
mod aliases;
mod bench;
pub mod call;
mod checkpoint;
mod completions;
mod device;
mod display;
mod doctor;
mod error;
mod evaluate;
mod export;
mod extension;
mod fetch;
mod graph;
mod images;
mod json;
mod labels;
mod layers;
mod log;
mod man;
mod presets;
mod progress;
mod replay;
mod runs;
mod sample;
mod signals;
mod sizes;
mod train;
mod value_parsers;

use std::ffi::OsString;

use clap::{Parser, Subcommand};

use crate::cli::display::{check_output, print_error, remember_output_error};
use crate::cli::error::Result;

/// Trains, evaluates and exports generative adversarial networks (GANs).
#[derive(Parser)]
#[command(version, max_term_width = 100, propagate_version = true, subcommand_required = true)]
// The last occurrence of a flag wins, so that a flag can be appended to a script's command line.
#[command(args_override_self = true)]
#[command(after_help = "\
Exit codes: 0 success, 1 failure, 2 usage error, 3 doctor found no usable GPU. A run stopped by a \
signal first saves a checkpoint, then exits with 128 + the signal number: 130 for Ctrl-C, 143 for \
SIGTERM, 129 for SIGHUP; SIGUSR1, SIGUSR2 and SIGXCPU work likewise. If standard output cannot be \
written, a run continues, and the exit code is 1.

RUST_LOG=gan_cuda=debug logs to standard error: libraries and devices tried, files read and \
written, CUDA graphs captured.")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a GAN (default: a conditional GAN on handwritten digits)
    Train(Box<train::Args>),
    /// Generate images with a trained generator
    Sample(Box<sample::Args>),
    /// Score a trained generator by comparing its images with real images
    Evaluate(Box<evaluate::Args>),
    /// Make an animated GIF from the sample grids of a run
    Replay(replay::Args),
    /// Export a trained generator or its images: ONNX, web page, safetensors, NumPy
    Export(Box<export::Args>),
    /// List the runs in a folder with their state and progress
    Runs(runs::Args),
    /// List the presets, or show one with its layers
    Presets(presets::Args),
    /// Draw a diagram of both networks and a training iteration (SVG or Graphviz DOT)
    Graph(graph::Args),
    /// Download MNIST or Fashion-MNIST to the folder where `train` finds it
    Fetch(fetch::Args),
    /// Measure the time per training iteration
    Bench(bench::Args),
    /// Show the CUDA libraries and GPUs found; exit code 3 if CUDA cannot be used
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
}

/// The program: runs the command that the arguments name, and prints its errors. The first argument
/// is the program's own name.
///
/// Returns the exit code: 0 success, 1 failure, 2 usage error, 3 `doctor` found no usable GPU, 128 +
/// the signal number after a signal stopped and saved a run: 130 for Ctrl-C, 143 for SIGTERM.
pub fn main(arguments: impl Iterator<Item = OsString>) -> u8 {
    log::start();
    match run(arguments) {
        Ok(code) => code,
        Err(error) => {
            print_error(&error);
            if error.is_usage() { 2 } else { 1 }
        }
    }
}

/// Parses the command line, runs the command and returns the exit code.
fn run(arguments: impl Iterator<Item = OsString>) -> Result<u8> {
    let arguments = aliases::canonical(arguments);
    match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli.run(&arguments),
        // A usage error, or the requested help or version.
        Err(message) => {
            let printed = message.print();
            if !message.use_stderr() {
                remember_output_error(printed);
                check_output()?;
            }
            Ok(message.exit_code() as u8)
        }
    }
}

impl Cli {
    /// Runs the command; `arguments` are its command line.
    fn run(self, arguments: &[OsString]) -> Result<u8> {
        let mut code = 0;
        match self.command {
            // Returns its own exit codes for stopped runs.
            Command::Train(args) => return train::run(*args, arguments),
            Command::Sample(args) => sample::run(&args)?,
            Command::Evaluate(args) => evaluate::run(&args)?,
            Command::Replay(args) => replay::run(&args)?,
            Command::Export(args) => export::run(&args)?,
            Command::Runs(args) => runs::run(&args)?,
            Command::Presets(args) => presets::run(&args)?,
            Command::Graph(args) => graph::run(&args)?,
            Command::Fetch(args) => fetch::run(&args)?,
            Command::Bench(args) => bench::run(&args)?,
            Command::Doctor(args) => code = doctor::run(&args)?,
            Command::Completions(args) => completions::run(&args)?,
            Command::Man(args) => man::run(&args)?,
        }
        check_output()?;
        Ok(code)
    }
}

//! What was typed, and what it means.
//!
//! Each command has a file or a folder: a clap struct of flags as they were given, and a function
//! that turns them into a validated configuration and runs it.

/// As `println!`, for output that may lose its reader: one line, whatever names are in it.
macro_rules! say {
    ($($text:tt)*) => {
        $crate::cli::display::print_line(&format!($($text)*))
    };
}

mod advice;
mod bench;
mod checkpoint;
mod completions;
mod device;
pub mod display;
mod doctor;
mod ending;
pub mod error;
mod evaluate;
mod export;
mod fetch;
mod graph;
mod images;
mod json;
mod labels;
mod layers;
pub mod log;
mod man;
mod presets;
mod ranges;
mod replay;
mod runs;
mod sample;
mod signals;
mod sizes;
mod spelling;
mod stages;
mod train;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::cli::display::{check_output, note};
use crate::cli::error::Result;

/// Trains generative adversarial networks from scratch.
#[derive(Parser)]
#[command(version, max_term_width = 100, propagate_version = true, subcommand_required = true)]
// Of a flag that is given twice the last one counts, so that one can be put behind a script's.
#[command(args_override_self = true)]
#[command(after_help = "\
Exit codes: 0 done, 1 failed, 2 wrong usage, 3 doctor found no usable GPU. A run that a signal \
stopped has saved, and ends with 128 and the signal's number: 130 by Ctrl-C, 143 by SIGTERM, 129 by \
SIGHUP, likewise by SIGUSR1, SIGUSR2 and SIGXCPU. Output that cannot be written is a failure, but \
no reason for a run to end.

RUST_LOG=gan_cuda=debug tells on standard error what the program does meanwhile: libraries and \
devices that were tried, files read and written, graphs recorded.")]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Train a GAN; without flags a conditional one on handwritten digits
    Train(Box<train::Args>),
    /// Draw images with a trained generator
    Sample(Box<sample::Args>),
    /// Score a trained generator: how its images compare with real ones
    Evaluate(Box<evaluate::Args>),
    /// Join the sample grids of a run to an animated GIF
    Replay(replay::Args),
    /// Write a trained generator, or its images, for other programs
    Export(Box<export::Args>),
    /// List the runs of a folder: how far each is, and how it ended
    Runs(runs::Args),
    /// List the set-ups, or show one with its layers
    Presets(presets::Args),
    /// Draw both networks and a training iteration, as SVG or for Graphviz
    Graph(graph::Args),
    /// Download mnist or fashion-mnist to where `train` finds it
    Fetch(fetch::Args),
    /// Measure the time of a training iteration
    Bench(bench::Args),
    /// Tell whether CUDA can be used, and what was found where; exit code 3 if it cannot
    Doctor(doctor::Args),
    /// Print a script that makes a shell complete commands, flags and values
    Completions(completions::Args),
    /// Print the manual page
    Man(man::Args),
}

/// Does what was typed, and says with which code to exit.
///
/// # Errors
/// Whatever went wrong, for `main` to print.
pub fn run() -> Result<ExitCode> {
    match Cli::try_parse_from(spelling::ours(std::env::args_os())) {
        Ok(cli) => cli.run(),
        // What is wrong with it, or the help that was asked for.
        Err(answer) => {
            let printed = answer.print();
            if !answer.use_stderr() {
                note(printed);
                check_output()?;
            }
            Ok(ExitCode::from(answer.exit_code() as u8))
        }
    }
}

impl Cli {
    fn run(self) -> Result<ExitCode> {
        let mut code = ExitCode::SUCCESS;
        match self.command {
            // Has codes of its own for runs that were stopped.
            Command::Train(args) => return train::run(*args),
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

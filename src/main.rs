//! The command line program; the engine is in the library.

mod cli;

use std::process::ExitCode;

use clap::Parser;
use cli::display::print_error_line;

/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 `doctor` found that CUDA cannot be used, 130 and
/// 143 stopped by Ctrl-C or SIGTERM after saving.
fn main() -> ExitCode {
    cli::log::start();
    match cli::Cli::parse().run() {
        Ok(code) => code,
        Err(error) => {
            print_error_line(&format!("error: {}", error.in_words()));
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

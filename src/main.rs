//! The command line program; the engine is in the library.

mod cli;

use std::process::ExitCode;

use cli::display::print_error;

/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 `doctor` found that CUDA cannot be used, 128 and
/// its number a signal, after saving: 130 Ctrl-C, 143 SIGTERM.
fn main() -> ExitCode {
    cli::log::start();
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            print_error(&error);
            ExitCode::from(if error.is_usage() { 2 } else { 1 })
        }
    }
}

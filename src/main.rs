//! The command line program; the engine is in the library.

mod cli;

use std::process::ExitCode;

use cli::display::print_error;

/// Exit codes: 0 success, 1 failure, 2 usage error, 3 `doctor` found no usable GPU, 128 + the
/// signal number after a signal stopped and saved a run: 130 for Ctrl-C, 143 for SIGTERM.
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

//! The command line program; all its code is in the library, so that it is compiled once.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(gan_cuda::cli::main(std::env::args_os()))
}

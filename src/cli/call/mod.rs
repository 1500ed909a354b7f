//! Commands as functions, for other programs: the Python package is built on them.
//!
//! Their arguments are the flags of the command line, so both have the same names, defaults, checks
//! and errors. Nothing is printed.
//!
//! ```no_run
//! use std::path::Path;
//! use std::sync::Arc;
//! use std::sync::atomic::AtomicBool;
//!
//! use gan_cuda::cli::call::{self, Beginning, FrontEnd, Generator, Result};
//! use gan_cuda::train::observer::Observer;
//!
//! struct Program(Arc<AtomicBool>);
//!
//! impl Observer for Program {
//!     fn wrote(&mut self, path: &Path) {
//!         println!("{}", path.display());
//!     }
//! }
//!
//! impl FrontEnd for Program {
//!     fn warn(&mut self, warning: String) {
//!         println!("{warning}");
//!     }
//!
//!     fn stop_flag(&mut self) -> Result<Arc<AtomicBool>> {
//!         Ok(Arc::clone(&self.0))
//!     }
//!
//!     fn begin(&mut self, _: &Beginning) -> &mut dyn Observer {
//!         self
//!     }
//! }
//!
//! let trained = call::train(["--epochs=1".into()], &mut Program(Arc::default()))?;
//! let mut generator = Generator::load([trained.run.path().into()])?;
//! let inputs = generator.inputs(["--labels=7,3".into()])?; // ten sevens, then ten threes
//! for images in generator.generate(&inputs.noise, &inputs.labels)? {
//!     println!("{:?}", images?);
//! }
//! # Ok::<(), gan_cuda::cli::call::Error>(())
//! ```

mod generator;

use std::ffi::OsString;

use clap::Command;

use super::error::refuse;
pub use super::error::{Error, Result};
pub use super::train::{Beginning, FrontEnd, Trained};
use super::{evaluate, train};
pub use generator::{Generator, Inputs};

/// Trains as `gan-cuda train` does with these flags.
///
/// # Errors
/// As the command.
pub fn train(
    flags: impl IntoIterator<Item = OsString>,
    front_end: &mut dyn FrontEnd,
) -> Result<Trained> {
    let args = parse::<train::Args>("train", flags)?.quiet();
    match train::train(&args, front_end)? {
        Some(trained) => Ok(trained),
        None => refuse("--dry-run", "prints a configuration and trains nothing; omit it"),
    }
}

/// Scores a generator as `gan-cuda evaluate --json` does with these arguments, and returns the JSON.
///
/// # Errors
/// As the command.
pub fn evaluate(
    arguments: impl IntoIterator<Item = OsString>,
    warn: &mut dyn FnMut(String),
) -> Result<String> {
    evaluate::report(parse("evaluate", arguments)?, warn)
}

/// Parses the arguments of a function.
fn parse<A: clap::Args>(
    name: &'static str,
    arguments: impl IntoIterator<Item = OsString>,
) -> Result<A> {
    let command = A::augment_args(Command::new(name))
        .args_override_self(true)
        .disable_help_flag(true)
        .no_binary_name(true);
    Ok(A::from_arg_matches(&command.try_get_matches_from(arguments)?)?)
}

impl From<clap::Error> for Error {
    /// The error in clap's words, without the advice to use `--help`.
    fn from(error: clap::Error) -> Self {
        let text = error.render().to_string();
        let text = text.split("\n\nUsage:").next().unwrap_or_default();
        let text = text.split("\n\nFor more information").next().unwrap_or_default();
        let text = text.trim_start_matches("error: ").trim_end();
        Error::Arguments { problem: text.to_owned() }
    }
}

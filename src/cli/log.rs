//! Logging to standard error, configured by `RUST_LOG`.
//!
//! The log is for debugging; everything a user must know is printed in any case. Without `RUST_LOG`
//! only log messages of level `warn` or above are shown.

use std::env;
use std::io::{self, Write};

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

use super::display::print_error_line;

const VARIABLE: &str = "RUST_LOG";

/// Starts logging as `RUST_LOG` says, and warns if its value is invalid.
pub fn start() {
    let (filter, problem) = match env::var_os(VARIABLE) {
        Some(text) if !text.is_empty() => parse_filter(&text.to_string_lossy()),
        _ => (only_warnings(), None),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| StderrAboveBar)
        // Any remaining escape sequences come from file names, and are escaped.
        .with_ansi(false)
        // The layer reports these with a macro that panics if standard error is closed.
        .log_internal_errors(false);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // Cannot fail: this is the first thing the program does, so no other subscriber exists.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(problem) = problem {
        print_error_line(&format!(
            "warning: {VARIABLE} {problem}; give a comma-separated list of levels, e.g. debug, and \
             modules with levels, e.g. gan_cuda=debug or gan_cuda::device=trace; the levels are \
             error, warn, info, debug, trace and off"
        ));
    }
}

/// Parses a filter; returns also what is wrong with the text.
fn parse_filter(text: &str) -> (Targets, Option<String>) {
    match text.parse::<Targets>() {
        Err(problem) => {
            (only_warnings(), Some(format!("is {text:?}, which is not a valid filter ({problem})")))
        }
        Ok(filter) => {
            let unknown = text.split(',').map(str::trim).find(|part| is_unknown(part));
            let problem = |part| {
                format!("has {part:?}, which is neither a level nor a module of this program")
            };
            (filter, unknown.map(problem))
        }
    }
}

/// Whether a directive without a level is neither a level nor a module of this program.
/// `Targets` would silently take it as the name of another crate.
fn is_unknown(part: &str) -> bool {
    let word = part.chars().all(|c| c.is_alphanumeric() || "_-:".contains(c));
    let level = part.parse::<LevelFilter>().is_ok() || part.parse::<Level>().is_ok();
    word && !level && !part.is_empty() && !part.starts_with("gan_cuda")
}

fn only_warnings() -> Targets {
    Targets::new().with_default(LevelFilter::WARN)
}

/// Standard error, above the progress bar if there is one. Errors of writing are ignored.
struct StderrAboveBar;

impl Write for StderrAboveBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // An event is one whole line.
        let text = String::from_utf8_lossy(bytes);
        print_error_line(text.strip_suffix('\n').unwrap_or(&text));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn valid_filters_are_accepted() {
        for text in [
            "debug",
            "DEBUG",
            "off",
            "gan_cuda",
            "gan_cuda=debug",
            "gan_cuda::device=trace,warn",
            "hyper=info,gan_cuda=debug",
        ] {
            assert_eq!(parse_filter(text).1, None, "{text}");
        }
    }
}

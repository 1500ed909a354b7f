//! What an engineer reads of the program's inner life: `RUST_LOG`, on standard error.
//!
//! Nothing here is for users: what they must know is printed. Without `RUST_LOG` warnings are
//! shown, of which there are hardly any.

use std::env;
use std::io::{self, Write};

use tracing::Level;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::layer::SubscriberExt;

use super::display::print_error_line;

const VARIABLE: &str = "RUST_LOG";

/// Begins to log what `RUST_LOG` asks for. What it asks for in vain is said.
pub fn start() {
    let (filter, complaint) = match env::var_os(VARIABLE) {
        Some(text) if !text.is_empty() => understood(&text.to_string_lossy()),
        _ => (only_warnings(), None),
    };
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| AboveTheBar)
        // Escape sequences are those of names then, and are shown.
        .with_ansi(false)
        // It would say so by a macro that panics where standard error is closed.
        .log_internal_errors(false);
    let subscriber = tracing_subscriber::registry().with(filter).with(lines);
    // Another one cannot be there: this is the program's first step.
    let _ = tracing::subscriber::set_global_default(subscriber);
    if let Some(complaint) = complaint {
        print_error_line(&format!(
            "warning: {VARIABLE} {complaint}; write a level, as debug, or a part of the program \
             and its level, as gan_cuda=debug or gan_cuda::device=trace, with commas between; \
             levels are error, warn, info, debug, trace and off"
        ));
    }
}

/// The filter, and what is wrong with its text.
fn understood(text: &str) -> (Targets, Option<String>) {
    match text.parse::<Targets>() {
        Err(problem) => {
            (only_warnings(), Some(format!("is {text:?}, which is no filter ({problem})")))
        }
        Ok(filter) => {
            let unknown = text.split(',').map(str::trim).find(|part| is_misspelt(part));
            let complaint = |part| format!("has {part:?}, which is neither a level nor ours");
            (filter, unknown.map(complaint))
        }
    }
}

/// Whether a word that stands alone is no level: it would name a part of a program, all of whose
/// levels are shown, and ours is called otherwise.
fn is_misspelt(part: &str) -> bool {
    let word = part.chars().all(|c| c.is_alphanumeric() || "_-:".contains(c));
    let level = part.parse::<LevelFilter>().is_ok() || part.parse::<Level>().is_ok();
    word && !level && !part.is_empty() && !part.starts_with("gan_cuda")
}

fn only_warnings() -> Targets {
    Targets::new().with_default(LevelFilter::WARN)
}

/// Standard error, above a progress bar if there is one. A reader that has gone away is no reason
/// to stop.
struct AboveTheBar;

impl Write for AboveTheBar {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // A whole line, of an event.
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
    fn filters_that_can_show_something_of_ours_are_taken_as_they_are() {
        for text in [
            "debug",
            "DEBUG",
            "off",
            "gan_cuda",
            "gan_cuda=debug",
            "gan_cuda::device=trace,warn",
            "hyper=info,gan_cuda=debug",
        ] {
            assert_eq!(understood(text).1, None, "{text}");
        }
    }
}

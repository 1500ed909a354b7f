//! A run in the terminal: banner, display, signals, summary, exit code.

use std::ffi::OsString;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::flags::Args;
use super::front_end::{Beginning, FrontEnd, Trained};
use super::peers::Peers;
use super::ranks;
use super::set;
use crate::cli::display::{Display, Verbosity, check_output, print_wrapped, quoted, warn};
use crate::cli::error::Result;
use crate::cli::signals::Signals;
use crate::formats::stats::ScoreEntry;
use crate::text::significant;
use crate::train::observer::Observer;
use crate::train::trainer::Outcome;

/// Trains a run or several, and returns the exit code. `arguments` are the command line that was parsed
/// to `args`.
pub fn run(args: Args, arguments: &[OsString]) -> Result<u8> {
    if let Some(place) = ranks::place(&args)? {
        return ranks::run(args, place, run_with);
    }
    if args.is_set() {
        return set::begin(&args, arguments);
    }
    if let Some(path) = set::resumed(&args)? {
        return set::resume(&args, &path);
    }
    run_with(&args, None)
}

/// Trains one run, together with other ranks if there are any.
pub(super) fn run_with(args: &Args, peers: Option<&Peers>) -> Result<u8> {
    let verbosity = args.verbosity();
    let display = Display::new(verbosity);
    let mut terminal = Terminal { verbosity, display, signals: Signals::default() };
    let trained = super::train_with(args, &mut terminal, peers);
    terminal.display.finish();
    match trained? {
        Some(trained) => {
            if let (Some(peers), Outcome::Stopped) = (peers, trained.outcome) {
                peers.share_signal(&terminal.signals)?;
            }
            terminal.end(&trained)
        }
        None => check_output().map(|()| 0),
    }
}

struct Terminal {
    verbosity: Verbosity,
    display: Display,
    signals: Signals,
}

impl FrontEnd for Terminal {
    fn warn(&mut self, warning: String) {
        if self.verbosity > Verbosity::Quiet {
            warn([warning]);
        }
    }

    /// Before this point there is nothing to save, and a signal ends the process.
    fn stop_flag(&mut self) -> Result<Arc<AtomicBool>> {
        self.signals.listen()?;
        Ok(Arc::clone(&self.signals.received))
    }

    fn begin(&mut self, run: &Beginning) -> &mut dyn Observer {
        if self.verbosity > Verbosity::Quiet {
            print_beginning(run);
        }
        self.display.begin(run.completed, run.total);
        &mut self.display
    }
}

impl Terminal {
    /// Prints the summary, and returns the exit code.
    fn end(&self, trained: &Trained) -> Result<u8> {
        let (signal, code) = match trained.outcome {
            Outcome::Finished => ("", 0),
            Outcome::Stopped => self.signals.last(),
        };
        match trained.outcome {
            // With --quiet, too, a diverged run must not look successful.
            _ if self.verbosity == Verbosity::Quiet => {
                if trained.diverged {
                    warn([DIVERGED.to_owned()]);
                }
            }
            Outcome::Finished => print_summary(trained),
            Outcome::Stopped => print_stopped(trained, signal),
        }
        if trained.outcome == Outcome::Finished {
            check_output()?;
        }
        Ok(code)
    }
}

fn print_beginning(run: &Beginning) {
    run.banner.iter().for_each(|line| print_wrapped(line));
    let folder = run.run.display();
    match run.completed {
        0 => print_line!("run       {folder}"),
        first => print_line!("run       {folder}, from iteration {first}"),
    }
    if run.completed < run.total {
        run.remarks.iter().for_each(|line| print_wrapped(line));
    }
}

/// Prints the summary of a run that a signal stopped.
fn print_stopped(trained: &Trained, signal: &str) {
    print_best(trained);
    let ([_, done], run) = (trained.iterations, quoted(trained.run.path()));
    print_wrapped(&format!(
        "{signal}: stopped after iteration {done}; to resume: gan-cuda train --resume {run}"
    ));
}

/// Prints the best score of the run and its iteration, if there are scores.
fn print_best(trained: &Trained) {
    let Some((measure, ScoreEntry { iteration, scores })) = trained.best else { return };
    let score = scores.by(measure).map_or_else(String::new, significant);
    let folder = trained.run.checkpoint(iteration);
    let kept = if folder.is_dir() { format!(": {}", folder.display()) } else { String::new() };
    print_wrapped(&format!(
        "best      {} {score}, after iteration {iteration}{kept}",
        measure.name()
    ));
}

const DIVERGED: &str = "diverged: the losses exploded and did not recover";

/// Prints the summary of a finished run.
fn print_summary(trained: &Trained) {
    let [first, done] = trained.iterations;
    let outcome = match trained.diverged {
        true => format!("{DIVERGED};"),
        false => "done:".to_owned(),
    };
    print_best(trained);
    match first < done {
        true => print_line!(
            "{outcome} {done} iterations; samples, losses and checkpoints are in {}",
            trained.run.path().display()
        ),
        false => print_line!(
            "nothing to do: all {done} iterations are complete; raise --epochs or --iterations to \
             train longer"
        ),
    }
}

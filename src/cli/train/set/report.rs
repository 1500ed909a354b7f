//! What is printed when a set of runs has ended.

use super::workers::Ended;
use crate::cli::display::{check_output, print_wrapped, quoted};
use crate::cli::error::Result;
use crate::cli::signals::Signals;
use crate::run::set::RunSet;
use crate::run::set::summary::Best;
use crate::text::{counted, significant};
use crate::train::trainer::Outcome;

/// Prints how a set has ended, unless `quiet`, and returns the exit code. `jobs` is the number of runs that
/// were to be trained.
pub fn end(
    set: &RunSet,
    (ended, jobs): (&[Ended], usize),
    best: Option<Best>,
    quiet: bool,
    signals: &Signals,
) -> Result<u8> {
    let stopped = ended.iter().filter(|run| is_stopped(run)).count();
    let failed: Vec<_> =
        ended.iter().filter(|run| run.result.is_err()).map(|run| run.name.as_str()).collect();
    let (signal, code) = signals.last();
    let was_stopped = stopped > 0 || ended.len() < jobs && code > 128;
    if !quiet {
        best.iter().for_each(print_best);
        print_wrapped(&match was_stopped {
            true => format!(
                "{signal}: {} stopped{}; to resume: gan-cuda train --resume {}",
                counted(stopped, "run"),
                and_failed(&failed),
                quoted(set.path())
            ),
            false => format!(
                "done: {}; the summary is in {}",
                counted(ended.len() - failed.len(), "run") + &and_failed(&failed),
                set.summary().display()
            ),
        });
    }
    match (was_stopped, failed.is_empty()) {
        (true, _) => Ok(code),
        (false, false) => Ok(1),
        (false, true) => check_output().map(|()| 0),
    }
}

fn is_stopped(run: &Ended) -> bool {
    run.result.as_ref().is_ok_and(|trained| trained.outcome == Outcome::Stopped)
}

/// `, and 1 failed (seed=3)`; nothing if none failed.
fn and_failed(failed: &[&str]) -> String {
    match failed.len() {
        0 => String::new(),
        count => format!(", and {count} failed ({})", failed.join("; ")),
    }
}

fn print_best(best: &Best) {
    let Best { measure, score, iteration, label, checkpoint } = best;
    let kept =
        checkpoint.as_ref().map_or(String::new(), |folder| format!(": {}", folder.display()));
    print_wrapped(&format!(
        "best      {} {}, {label} after iteration {iteration}{kept}",
        measure.name(),
        significant(*score),
    ));
}

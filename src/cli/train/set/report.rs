//! What is printed when a set of runs has ended.

use super::workers::Ended;
use crate::cli::display::{check_output, print_wrapped, quoted};
use crate::cli::error::Result;
use crate::cli::signals::Signals;
use crate::formats::stats::{Measure, ScoreEntry};
use crate::run::set::RunSet;
use crate::text::{counted, significant};
use crate::train::trainer::Outcome;

/// Prints how a set has ended, unless `quiet`, and returns the exit code.
pub fn end(set: &RunSet, ended: &[Ended], quiet: bool, signals: &Signals) -> Result<u8> {
    let stopped = ended.iter().filter(|run| is_stopped(run)).count();
    let failed: Vec<_> =
        ended.iter().filter(|run| run.result.is_err()).map(|run| run.name.as_str()).collect();
    let (signal, code) = signals.last();
    let was_stopped = stopped > 0 || ended.len() < set.members().len() && code > 128;
    if !quiet {
        print_best(ended);
        print_wrapped(&match was_stopped {
            true => format!(
                "{signal}: {} stopped; to resume: gan-cuda train --resume {}",
                counted(stopped, "run"),
                quoted(set.path())
            ),
            false => format!(
                "done: {}; the summary is in {}",
                runs(ended.len() - failed.len(), &failed),
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

/// `7 runs, 1 failed (seed=3)`.
fn runs(finished: usize, failed: &[&str]) -> String {
    let finished = counted(finished, "run");
    match failed.len() {
        0 => finished,
        count => format!("{finished}, and {count} failed ({})", failed.join("; ")),
    }
}

/// The run with the best score, if there are scores.
fn print_best(ended: &[Ended]) {
    let scored = ended.iter().filter_map(|run| {
        let trained = run.result.as_ref().ok()?;
        let (measure, entry) = trained.best?;
        Some((entry.scores.by(measure)?, measure, entry, run, trained))
    });
    let best = scored.min_by(|a, b| a.0.total_cmp(&b.0));
    let Some((score, measure, ScoreEntry { iteration, .. }, run, trained)) = best else { return };
    let name: fn(Measure) -> &'static str = Measure::name;
    let folder = trained.run.checkpoint(iteration);
    let kept = if folder.is_dir() { format!(": {}", folder.display()) } else { String::new() };
    print_wrapped(&format!(
        "best      {} {}, {} after iteration {iteration}{kept}",
        name(measure),
        significant(score),
        run.name
    ));
}

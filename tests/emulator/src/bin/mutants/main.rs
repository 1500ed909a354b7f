//! Mutation testing of the kernels: changes one line at a time, and checks that a test fails.
//!
//! ```sh
//! tests/mutants [--short]
//! ```
//!
//! which compiles the suite, `tests/devices`, and runs
//! `cargo run --release -p gan-cuda-emulator --bin mutants -- SUITE [--short]`.
//!
//! | module | holds |
//! |---|---|
//! | `rules` | how a line is mutated: barriers, bounds, conditions |
//! | `source`, `plan` | all mutants, and the operations that run each |
//! | `attempt` | builds the emulator with a mutant and runs the operations' tests on it |
//! | `equivalent` | equivalent mutants, `tests/mutants.txt` |
//!
//! It prints each mutant and what caught it. Exit code 1: a mutant survived and is not listed, or is
//! listed but was caught, or a listed one no longer exists. `--short` runs every barrier and one bound
//! of each file.

mod attempt;
mod equivalent;
mod plan;
mod rules;
mod source;

use attempt::Attempts;
use equivalent::Entry;
use gan_cuda_emulator::kernel_dir;
use plan::Mutant;
use rules::Rule;
use std::collections::HashSet;
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Mutex, PoisonError};
use std::{fs, thread};

const LIST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../mutants.txt");

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (suite, short) = match &arguments[..] {
        [suite] => (suite, false),
        [suite, flag] if flag == "--short" => (suite, true),
        _ => {
            eprintln!("usage: mutants SUITE [--short]");
            return ExitCode::from(2);
        }
    };
    match check(Path::new(suite), short) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(problem) => {
            eprintln!("error: {problem}");
            ExitCode::FAILURE
        }
    }
}

/// Runs the mutants; returns whether all have the expected result.
fn check(suite: &Path, short: bool) -> Result<bool, String> {
    let list = fs::read_to_string(LIST).map_err(|error| format!("{LIST}: {error}"))?;
    let list = equivalent::parse(&list).map_err(|problem| format!("{LIST}: {problem}"))?;
    let mut mutants = plan::all(&kernel_dir()).map_err(|error| format!("the kernels: {error}"))?;
    let gone = list.iter().filter(|entry| !mutants.iter().any(|mutant| entry.is_of(mutant)));
    let gone: Vec<String> = gone.map(ToString::to_string).collect();
    if short {
        mutants = short_list(mutants, &list);
    }
    let attempts = Attempts::new(suite)?;
    let verdicts = try_all(&attempts, &mutants, &list);
    let count = |of: Verdict| verdicts.iter().filter(|verdict| **verdict == of).count();
    gone.iter().for_each(|entry| println!("GONE     {entry}\n         listed, but not a mutant"));
    println!(
        "{} mutants: {} caught, {} change nothing and are listed; wrong: {} survived, {} are \
         listed and caught, {} could not be tried, {} are listed and gone",
        mutants.len(),
        count(Verdict::Caught),
        count(Verdict::Listed),
        count(Verdict::Survived),
        count(Verdict::Stale),
        count(Verdict::Error),
        gone.len(),
    );
    let right = |verdict| matches!(verdict, Verdict::Caught | Verdict::Listed);
    Ok(gone.is_empty() && verdicts.into_iter().all(right))
}

/// Every barrier, those of a header in the first file that uses it, and the first bound of each file that
/// is not listed.
fn short_list(mutants: Vec<Mutant>, list: &[Entry]) -> Vec<Mutant> {
    let mut seen = HashSet::new();
    // Of a line, or of any line.
    let mut is_first = |mutant: &Mutant, line: Option<usize>| {
        seen.insert((mutant.header.as_ref().unwrap_or(&mutant.file).clone(), line))
    };
    let listed = |mutant: &Mutant| list.iter().any(|entry| entry.is_of(mutant));
    let keep = |mutant: &Mutant| match mutant.change.rule {
        Rule::Barrier => is_first(mutant, Some(mutant.change.line)),
        Rule::Bound => !listed(mutant) && is_first(mutant, None),
        Rule::Condition => false,
    };
    mutants.into_iter().filter(keep).collect()
}

/// The result for a mutant.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Caught,
    /// Not caught, but listed.
    Listed,
    Survived,
    /// Listed, but caught.
    Stale,
    /// It could not be compiled or run.
    Error,
}

/// Runs all mutants, in parallel on all processors, and prints the result of each.
fn try_all(attempts: &Attempts, mutants: &[Mutant], list: &[Entry]) -> Vec<Verdict> {
    let left = Mutex::new(mutants.iter().enumerate());
    let next = || left.lock().unwrap_or_else(PoisonError::into_inner).next();
    let verdicts = Mutex::new(Vec::new());
    let work = || {
        while let Some((number, mutant)) = next() {
            let caught = attempts.what_catches(number, mutant);
            let entry = list.iter().find(|entry| entry.is_of(mutant));
            let (verdict, word, why) = verdict(caught, entry);
            println!("{word:8} {mutant}\n         {why}");
            verdicts.lock().unwrap_or_else(PoisonError::into_inner).push(verdict);
        }
    };
    let workers = thread::available_parallelism().map_or(1, usize::from);
    thread::scope(|scope| (0..workers).for_each(|_| drop(scope.spawn(work))));
    verdicts.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The verdict, its label, and the reason.
fn verdict(
    caught: Result<Option<String>, String>,
    listed: Option<&Entry>,
) -> (Verdict, &'static str, String) {
    match (caught, listed) {
        (Ok(Some(how)), None) => (Verdict::Caught, "caught", how),
        (Ok(None), Some(entry)) => (Verdict::Listed, "listed", entry.reason.clone()),
        (Ok(None), None) => (Verdict::Survived, "SURVIVED", "no test fails".to_owned()),
        (Ok(Some(how)), Some(_)) => (Verdict::Stale, "STALE", format!("listed, but caught: {how}")),
        (Err(problem), _) => (Verdict::Error, "ERROR", problem),
    }
}

//! `gan-cuda runs`.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use super::display::print_wrapped;
use super::json::print_json;
use crate::cli::error::Result;
use crate::formats::stats::{Measure, ScoreEntry};
use crate::run::overview::{Overview, State, overviews};
use crate::text::{counted, significant};
use clap::ValueHint;

/// Column titles before and after those of the scores, which are shown only if a run has scores.
const TITLES: [&[&str]; 2] =
    [&["run", "state", "iterations", "D loss", "G loss"], &["saved", "size", "changed"]];
const SCORES: &[&str] = &["FCD", "best"];

/// Flags of `runs`.
#[derive(clap::Args)]
#[command(after_help = "\
States: running; waiting (of a set of runs, to begin); finished; stopped (by Ctrl-C or another signal, after saving a checkpoint); \
failed (with an error, which is shown); killed (by a second Ctrl-C, kill -9 or a crash of the \
machine); damaged (config.toml cannot be read).

Columns: losses are the newest in stats.jsonl; \"saved\" is the iteration of the newest \
checkpoint. If a run has scores (train --evaluate-interval), \"FCD\" is the newest and \"best\" \
the lowest.

A folder without runs is not an error; a missing folder is.")]
pub struct Args {
    /// Folder with the runs
    #[arg(long, value_name = "DIR", default_value = "runs", value_hint = ValueHint::DirPath)]
    runs_dir: PathBuf,
    /// Print one line of JSON: an array with one object per run; times are in seconds since 1970,
    /// sizes in bytes
    #[arg(long)]
    json: bool,
}

/// Prints the table.
pub fn run(args: &Args) -> Result<()> {
    let runs = overviews(&args.runs_dir)?;
    if args.json {
        return print_json(&runs);
    }
    if runs.is_empty() {
        print_line!("no runs in {}", args.runs_dir.display());
        return Ok(());
    }
    let scored = runs.iter().any(|run| fcd(run.best_scores).is_some());
    let mut rows = vec![titles(scored)];
    rows.extend(runs.iter().map(|run| row(run, scored)));
    let widths = widths(&rows);
    print_line!("{}", aligned(&rows[0], &widths));
    let mut set = None;
    for (run, row) in runs.iter().zip(&rows[1..]) {
        if run.set != set {
            set.clone_from(&run.set);
            set.iter().for_each(|name| print_line!("{}", set_line(name, &runs)));
        }
        print_line!("{}", aligned(row, &widths));
        for remark in remarks(run) {
            print_wrapped(&format!("          {remark}"));
        }
    }
    Ok(())
}

fn titles(scored: bool) -> Vec<String> {
    let scores = if scored { SCORES } else { &[] };
    [TITLES[0], scores, TITLES[1]].concat().into_iter().map(str::to_owned).collect()
}

/// The cells of a run; an unknown value is "-".
fn row(run: &Overview, scored: bool) -> Vec<String> {
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
    let loss = |loss: Option<f32>| or_dash(loss.map(short_loss));
    let total = run.total.map_or("?".to_owned(), |total| total.to_string());
    let score = |entry| or_dash(fcd(entry).map(significant));
    let mut cells = vec![
        if run.set.is_some() { format!("  {}", run.name) } else { run.name.clone() },
        run.state.to_string(),
        format!("{}/{total}", run.iteration),
        loss(run.losses.map(|losses| losses.d_loss)),
        loss(run.losses.map(|losses| losses.g_loss)),
    ];
    if scored {
        cells.extend([score(run.scores), score(run.best_scores)]);
    }
    cells.extend([
        or_dash(run.checkpoint.map(|iteration| iteration.to_string())),
        size(run.bytes),
        or_dash(run.changed.map(age)),
    ]);
    cells
}

/// The line above the runs of a set: `00003-cgan-mnist: 8 runs, 5 finished, 3 waiting`.
fn set_line(set: &str, runs: &[Overview]) -> String {
    let states = runs.iter().filter(|run| run.set.as_deref() == Some(set)).map(|run| run.state);
    let mut counts: Vec<(State, usize)> = Vec::new();
    for state in states {
        match counts.iter_mut().find(|(known, _)| *known == state) {
            Some((_, count)) => *count += 1,
            None => counts.push((state, 1)),
        }
    }
    let all = counted(counts.iter().map(|(_, count)| count).sum(), "run");
    let parts: Vec<_> = counts.iter().map(|(state, count)| format!("{count} {state}")).collect();
    format!("{set}: {all}, {}", parts.join(", "))
}

fn fcd(entry: Option<ScoreEntry>) -> Option<f64> {
    entry?.scores.by(Measure::Fcd)
}

fn short_loss(loss: f32) -> String {
    if loss.abs() < 1e6 { format!("{loss:.4}") } else { format!("{loss:.3e}") }
}

/// Lines below the row of a run: preset and data set if its name does not contain them, and
/// problems.
fn remarks(run: &Overview) -> Vec<String> {
    let mut remarks = Vec::new();
    if let (Some(preset), Some(data), None) = (&run.preset, &run.dataset, &run.set)
        && !run.name.ends_with(&format!("-{preset}-{}", data.name()))
    {
        remarks.push(format!("preset {preset} on {data}"));
    }
    if run.diverged {
        remarks.push("diverged: the losses exploded".to_owned());
    }
    if let Some(checkpoint) = &run.branched_from {
        remarks.push(format!("branched from {}", checkpoint.display()));
    }
    remarks.extend(run.problems.iter().cloned());
    remarks
}

/// How long ago a time was, given in seconds since 1970.
fn age(time: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    match now.saturating_sub(time) {
        seconds @ 0..60 => format!("{seconds} s ago"),
        seconds @ 60..3600 => format!("{} min ago", seconds / 60),
        seconds @ 3600..86_400 => format!("{} h ago", seconds / 3600),
        seconds => format!("{} d ago", seconds / 86_400),
    }
}

/// A short form of a number of bytes.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_000_000 => format!("{} kB", bytes / 1000),
        1_000_000..1_000_000_000 => format!("{} MB", bytes / 1_000_000),
        _ => format!("{:.1} GB", bytes as f64 / 1e9),
    }
}

fn widths(rows: &[Vec<String>]) -> Vec<usize> {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max();
    (0..rows[0].len()).map(|column| width(column).unwrap_or(0)).collect()
}

/// A row with text aligned to the left and numbers to the right.
fn aligned(row: &[String], widths: &[usize]) -> String {
    let is_text = |column: usize| column < 2 || column == row.len() - 1;
    let cell = |(column, (text, &width)): (usize, (&String, &usize))| match is_text(column) {
        true => format!("{text:width$}"),
        false => format!("{text:>width$}"),
    };
    let cells: Vec<_> = row.iter().zip(widths).enumerate().map(cell).collect();
    cells.join("  ").trim_end().to_owned()
}

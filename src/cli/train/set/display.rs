//! The display of a set of runs: in a terminal a line for each run that is training, and totals below
//! them; elsewhere plain lines that begin with the run's name.

use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget};

use crate::cli::display::{
    Verbosity, is_terminal, lock, print_error_line, print_line, progress_bar, show_bars, warn,
};
use crate::formats::stats::{Measure, Scores};
use crate::gan::Metrics;
use crate::gan::dataset::Progress;
use crate::run::journal::{loss_line, score_line};
use crate::text::{counted, grouped, significant};
use crate::train::observer::Observer;

const RUN: &str = "{prefix} {bar:20} {human_pos}/{human_len}  {msg}";
const TOTALS: &str = "{prefix} {bar:20} {msg}  {elapsed} elapsed, {eta} left";
/// Time between two readings of a run's losses.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);
/// Lines of the terminal that are not for runs.
const OTHER_LINES: usize = 4;

/// The display of a set.
pub struct SetDisplay<'a> {
    verbosity: Verbosity,
    bars: Option<MultiProgress>,
    totals: Option<ProgressBar>,
    /// How wide the names of the runs are.
    width: usize,
    /// How many runs have lines of their own.
    lines: usize,
    runs: usize,
    at_once: usize,
    begun: Instant,
    images: AtomicU64,
    ended: AtomicU64,
    shown: AtomicU64,
    /// Whether the runs are asked to stop, and whether the lines are gone.
    stop: &'a AtomicBool,
    stopping: AtomicBool,
    drawn: Mutex<Instant>,
}

impl<'a> SetDisplay<'a> {
    /// Shows a set whose runs have these names, of which `at_once` train at the same time, with
    /// `completed` of `total` iterations.
    pub fn begin(
        verbosity: Verbosity,
        names: &[String],
        at_once: usize,
        [completed, total]: [u64; 2],
        stop: &'a AtomicBool,
    ) -> Self {
        let width = names.iter().map(|name| name.chars().count()).max().unwrap_or(0);
        let visible = verbosity > Verbosity::Quiet && is_terminal();
        let bars = visible.then(|| MultiProgress::with_draw_target(ProgressDrawTarget::stdout()));
        let totals = bars.as_ref().map(|bars| {
            let bar = bars.add(progress_bar(completed, Some(total), TOTALS));
            bar.set_prefix(format!("{:width$}", "all"));
            bar.reset_eta();
            bar
        });
        show_bars(bars.clone());
        let display = Self {
            verbosity,
            bars,
            totals,
            width,
            lines: height().saturating_sub(OTHER_LINES).max(1),
            runs: names.len(),
            at_once,
            begun: Instant::now(),
            images: AtomicU64::new(0),
            ended: AtomicU64::new(0),
            shown: AtomicU64::new(0),
            stop,
            stopping: AtomicBool::new(false),
            drawn: Mutex::new(Instant::now()),
        };
        display.draw_totals();
        display
    }

    /// The line of a run that begins.
    pub fn run<'b>(&'b self, name: &'b str, completed: u32, total: u32) -> RunDisplay<'b> {
        let has_line = self.shown.fetch_add(1, Ordering::Relaxed) < self.lines as u64;
        let bar = self.bars.as_ref().zip(self.totals.as_ref()).filter(|_| has_line);
        let bar = bar.map(|(bars, totals)| {
            let bar = progress_bar(completed.into(), Some(total.into()), RUN);
            let bar = bars.insert_before(totals, bar);
            bar.set_prefix(format!("{name:width$}", width = self.width));
            bar
        });
        RunDisplay { set: self, name, bar, read: None, newest: Default::default() }
    }

    /// Prints a line about a run.
    pub fn print(&self, name: &str, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            print_line(&format!("{name:width$}  {text}", width = self.width));
        }
    }

    /// Prints an error of a run.
    pub fn print_error(&self, name: &str, problem: &str) {
        print_error_line(&format!("error: {name}: {problem}"));
    }

    /// Prints a warning about a run.
    pub fn warn(&self, name: &str, warning: &str) {
        if self.verbosity > Verbosity::Quiet {
            warn([format!("{name}: {warning}")]);
        }
    }

    /// A run has ended.
    pub fn end(&self) {
        self.ended.fetch_add(1, Ordering::Relaxed);
        self.draw_totals();
    }

    /// Ends the display and leaves its last state on the screen.
    pub fn finish(&self) {
        if let Some(totals) = &self.totals {
            totals.abandon();
        }
        show_bars(None);
    }

    /// Stops drawing at once when the runs are asked to stop: the terminal has echoed `^C` after the
    /// lines, so they would appear in the wrong position.
    fn is_visible(&self) -> bool {
        if self.stop.load(Ordering::Relaxed)
            && let Some(bars) = &self.bars
            && !self.stopping.swap(true, Ordering::Relaxed)
        {
            bars.set_draw_target(ProgressDrawTarget::hidden());
            show_bars(None);
            print_line("");
        }
        !self.stopping.load(Ordering::Relaxed)
    }

    fn draw_totals(&self) {
        let Some(totals) = &self.totals else { return };
        let images = self.images.load(Ordering::Relaxed) as f64;
        let rate = images / self.begun.elapsed().as_secs_f64().max(1e-9);
        let ended = self.ended.load(Ordering::Relaxed);
        let runs = counted(self.runs, "run");
        totals.set_message(format!("{ended} of {runs} ended  {} images/s", grouped(rate as u64)));
    }
}

/// The height of the terminal, or that of a small one.
fn height() -> usize {
    terminal_size::terminal_size().map_or(24, |(_, height)| height.0.into())
}

/// The line of a run.
pub struct RunDisplay<'a> {
    set: &'a SetDisplay<'a>,
    name: &'a str,
    bar: Option<ProgressBar>,
    /// When the losses were last read.
    read: Option<Instant>,
    /// The newest losses and the newest score, as text.
    newest: [String; 2],
}

impl RunDisplay<'_> {
    fn show(&self) {
        if let Some(bar) = &self.bar {
            bar.set_message(self.newest.concat());
        }
    }

    /// Whether it prints plain lines.
    fn is_plain(&self) -> bool {
        self.set.bars.is_none() && self.set.verbosity > Verbosity::Quiet
    }
}

impl Drop for RunDisplay<'_> {
    /// Removes the line.
    fn drop(&mut self) {
        self.set.shown.fetch_sub(1, Ordering::Relaxed);
        if let Some((bars, bar)) = self.set.bars.as_ref().zip(self.bar.as_ref()) {
            bar.finish_and_clear();
            bars.remove(bar);
        }
    }
}

impl Observer for RunDisplay<'_> {
    fn iteration(&mut self, progress: Progress, images: usize) -> bool {
        self.set.images.fetch_add(images as u64, Ordering::Relaxed);
        if self.set.is_visible() {
            self.set.totals.iter().for_each(|totals| totals.inc(1));
            self.bar.iter().for_each(|bar| bar.set_position(progress.iteration.0.into()));
        }
        // Plain lines: one for the whole set in that time.
        let turns = if self.is_plain() { self.set.at_once as u32 } else { 1 };
        let due = self.read.is_none_or(|read| read.elapsed() >= turns * UPDATE_INTERVAL);
        self.set.verbosity > Verbosity::Quiet && due
    }

    fn losses(&mut self, progress: Progress, metrics: &Metrics) {
        self.read = Some(Instant::now());
        if self.is_plain() {
            return self.set.print(self.name, &loss_line(progress, metrics));
        }
        self.newest[0] = format!("D loss {:.4}  G loss {:.4}", metrics.d_loss, metrics.g_loss);
        self.show();
        let mut drawn = lock(&self.set.drawn);
        if drawn.elapsed() >= UPDATE_INTERVAL {
            *drawn = Instant::now();
            self.set.draw_totals();
        }
    }

    fn scores(&mut self, iteration: u32, scores: &Scores) {
        if self.is_plain() {
            return self.set.print(self.name, &score_line(iteration, scores));
        }
        let text = |measure: Measure| {
            scores.by(measure).map(|score| format!("  {} {}", measure.name(), significant(score)))
        };
        self.newest[1] = text(Measure::Fcd).or_else(|| text(Measure::Kid)).unwrap_or_default();
        self.show();
    }

    fn wrote(&mut self, path: &Path) {
        if self.set.verbosity == Verbosity::Verbose {
            print_line(&format!("wrote {}", path.display()));
        }
    }

    fn warning(&mut self, text: &str) {
        if self.set.verbosity > Verbosity::Quiet {
            print_error_line(&format!("{}: {text}", self.name));
        }
    }
}

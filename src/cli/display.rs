//! What a person sees while a run goes on: a progress bar in a terminal, plain lines elsewhere.

use std::env;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gan_cuda::formats::stats::{Measure, Scores};
use gan_cuda::gan::Metrics;
use gan_cuda::gan::dataset::Progress;
use gan_cuda::run::journal::{loss_line, score_line};
use gan_cuda::text::{significant, visible};
use gan_cuda::train::observer::Observer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::error::{Error, Result};

/// As wide as a label.
const NO_LABEL: &str = "          ";
/// Two lines: how far, and how well.
const BAR_OF_A_RUN: &str =
    "{prefix} {bar:20} {human_pos}/{human_len}  {elapsed} elapsed, {eta} left\n{msg}";
/// The shortest time between two plain lines, and between two readings of the losses.
const PACE: Duration = Duration::from_secs(1);

/// How much is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Banner, progress, where things are.
    Normal,
    /// Every file that is written, too.
    Verbose,
}

/// Whether standard output is a terminal that can do more than add lines: one that says it is dumb,
/// or nothing of itself, gets what a file gets.
pub fn is_terminal() -> bool {
    let names_none = env::var_os("TERM").is_some_and(|name| name.is_empty());
    !names_none && !ProgressDrawTarget::stdout().is_hidden()
}

/// Prints a line that begins with a label; what a terminal has no room for goes below its text.
pub fn print_wrapped(text: &str) {
    if !is_terminal() {
        return print_line(text);
    }
    let options = textwrap::Options::with_termwidth()
        .subsequent_indent(NO_LABEL)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    print_text(&textwrap::fill(&visible(text), options));
}

/// Prints a line to standard output, above a progress bar if there is one. Names in it may be
/// anybody's, so what would move the cursor or begin another line is escaped.
pub fn print_line(text: &str) {
    print_text(&visible(text));
}

/// The same for each line of a text.
pub fn print_lines(text: &str) {
    text.lines().for_each(print_line);
}

/// Prints a text in which there is nothing but our own, as it is.
pub fn print_text(text: &str) {
    above_the_bar(|| note(writeln!(stdout(), "{text}")));
}

/// Prints a line to standard error, as [`print_line`].
pub fn print_error_line(text: &str) {
    above_the_bar(|| {
        let _ = writeln!(stderr(), "{}", visible(text));
    });
}

/// Prints what may be wrong.
pub fn warn(warnings: impl IntoIterator<Item = String>) {
    for warning in warnings {
        print_error_line(&format!("warning: {warning}"));
    }
}

/// Prints what went wrong; some errors have several lines.
pub fn print_error(error: &Error) {
    let lines = error.lines();
    let lines: Vec<_> = lines.iter().map(|line| visible(line)).collect();
    above_the_bar(|| {
        let _ = writeln!(stderr(), "error: {}", lines.join("\n"));
    });
}

/// Why standard output did not take something, the first time.
static LOST: Mutex<Option<io::Error>> = Mutex::new(None);

/// Remembers, for [`check_output`], what standard output did not take. A reader that has gone away
/// (`| head`) has what it wanted.
pub fn note(written: io::Result<()>) {
    if let Err(error) = written
        && error.kind() != ErrorKind::BrokenPipe
    {
        lock(&LOST).get_or_insert(error);
    }
}

/// Makes sure, at a command's end, that standard output took all that was printed.
///
/// # Errors
/// [`Error::Output`].
pub fn check_output() -> Result<()> {
    note(stdout().flush());
    lock(&LOST).take().map_or(Ok(()), |source| Err(Error::Output { source }))
}

/// The progress bar on the screen, which other lines would tear.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says which progress bar is on the screen from now on, or that there is none any more.
pub fn show_bar(bar: Option<ProgressBar>) {
    *lock(&BAR) = bar;
}

/// Prints what stays in whole lines, while the progress bar steps aside. `print` must not call this
/// again.
pub fn above_the_bar(print: impl FnOnce()) {
    match &*lock(&BAR) {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The display of one run.
pub struct Display {
    verbosity: Verbosity,
    bar: Option<ProgressBar>,
    shown: Option<Instant>,
    rate: Rate,
    /// The newest losses and the newest score, in words.
    newest: [String; 2],
}

/// Images a second, smoothed over the last readings.
struct Rate {
    since: Instant,
    images: u64,
}

impl Display {
    /// A display for a run of `total` iterations of which `completed` are done.
    pub fn new(verbosity: Verbosity, completed: u32, total: u32) -> Self {
        let wanted = verbosity > Verbosity::Quiet && is_terminal();
        let bar = wanted.then(|| progress_bar(completed.into(), Some(total.into()), BAR_OF_A_RUN));
        show_bar(bar.clone());
        let rate = Rate { since: Instant::now(), images: 0 };
        Self { verbosity, bar, shown: None, rate, newest: Default::default() }
    }

    /// Ends the display and leaves on the screen what it shows.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
            show_bar(None);
        }
    }
}

impl Observer for Display {
    fn iteration(&mut self, progress: Progress, images: usize) -> bool {
        self.rate.images += images as u64;
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(progress.iteration.0));
        }
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= PACE);
        self.verbosity > Verbosity::Quiet && due
    }

    fn losses(&mut self, progress: Progress, metrics: &Metrics) {
        self.shown = Some(Instant::now());
        let Some(bar) = &self.bar else {
            if self.verbosity > Verbosity::Quiet {
                print_line(&loss_line(progress, metrics));
            }
            return;
        };
        let rate = self.rate.images as f64 / self.rate.since.elapsed().as_secs_f64().max(1e-9);
        self.rate = Rate { since: Instant::now(), images: 0 };
        let Metrics { d_loss, g_loss, d_real, d_fake } = metrics;
        bar.set_prefix(format!("epoch {}/{}", progress.epoch.0, progress.epoch.1));
        self.newest[0] = format!(
            "{rate:.0} images/s  D loss {d_loss:.4}  G loss {g_loss:.4}  D(x) {d_real:.2}  \
             D(G(z)) {d_fake:.2}"
        );
        bar.set_message(self.newest.concat());
    }

    fn scores(&mut self, iteration: u32, scores: &Scores) {
        let by = |measure: Measure| {
            scores.by(measure).map(|score| format!("  {} {}", measure.name(), significant(score)))
        };
        self.newest[1] = by(Measure::Fcd).or_else(|| by(Measure::Kid)).unwrap_or_default();
        // The time that it took was no training.
        self.rate = Rate { since: Instant::now(), images: 0 };
        match &self.bar {
            Some(bar) => bar.set_message(self.newest.concat()),
            None if self.verbosity > Verbosity::Quiet => {
                print_line(&score_line(iteration, scores));
            }
            None => {}
        }
    }

    fn wrote(&mut self, path: &Path) {
        if self.verbosity == Verbosity::Verbose {
            print_line(&format!("wrote {}", path.display()));
        }
    }

    fn warning(&mut self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            print_error_line(text);
        }
    }

    /// Leaves the bar as it stands, at once: a terminal shows Ctrl-C behind the bar, and a bar that
    /// is drawn again would be out of place.
    fn stopping(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            show_bar(None);
            print_line("");
        }
    }
}

/// A bar of which `done` is done.
pub fn progress_bar(done: u64, total: Option<u64>, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar.with_position(done)
}

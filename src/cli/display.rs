//! Terminal output: lines, warnings, errors, and the display of a run, which is a progress bar in a
//! terminal and plain lines elsewhere.

use std::env;
use std::io::{self, ErrorKind, Write, stderr, stdout};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::formats::stats::{Measure, Scores};
use crate::gan::Metrics;
use crate::gan::dataset::Progress;
use crate::run::journal::{loss_line, score_line};
use crate::text::{escaped, significant};
use crate::train::observer::Observer;
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::cli::error::{Error, Result};

/// Indent as wide as a label.
const INDENT: &str = "          ";
/// Two lines: progress, then losses.
const TRAINING_BAR: &str =
    "{prefix} {bar:20} {human_pos}/{human_len}  {elapsed} elapsed, {eta} left\n{msg}";
/// Minimum time between two plain lines, and between two readings of the losses.
const UPDATE_INTERVAL: Duration = Duration::from_secs(1);

/// How much a run prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verbosity {
    /// Errors only.
    Quiet,
    /// Banner, progress, summary.
    Normal,
    /// Also every file written.
    Verbose,
}

/// Whether standard output is a terminal that can move the cursor. A terminal with `TERM=dumb` or
/// an empty `TERM` gets the same output as a file.
pub fn is_terminal() -> bool {
    let unknown = env::var_os("TERM").is_some_and(|name| name.is_empty());
    !unknown && !ProgressDrawTarget::stdout().is_hidden()
}

/// Prints a line that begins with a label. In a terminal, long lines wrap and are indented below
/// the text.
pub fn print_wrapped(text: &str) {
    if !is_terminal() {
        return print_line(text);
    }
    let options = textwrap::Options::with_termwidth()
        .subsequent_indent(INDENT)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    print_text(&textwrap::fill(&escaped(text), options));
}

/// Prints a line to standard output, above the progress bar if there is one. Control characters are
/// escaped, since the line may contain names of files.
pub fn print_line(text: &str) {
    print_text(&escaped(text));
}

/// Prints each line of a text with [`print_line`].
pub fn print_lines(text: &str) {
    text.lines().for_each(print_line);
}

/// Prints a text without escaping it. It must not contain names of files.
pub fn print_text(text: &str) {
    with_bar_suspended(|| remember_output_error(writeln!(stdout(), "{text}")));
}

/// Prints a line to standard error, like [`print_line`].
pub fn print_error_line(text: &str) {
    with_bar_suspended(|| {
        let _ = writeln!(stderr(), "{}", escaped(text));
    });
}

/// Prints warnings.
pub fn warn(warnings: impl IntoIterator<Item = String>) {
    for warning in warnings {
        print_error_line(&format!("warning: {warning}"));
    }
}

/// Prints an error, which may have several lines.
pub fn print_error(error: &Error) {
    let lines = error.lines();
    let lines: Vec<_> = lines.iter().map(|line| escaped(line)).collect();
    with_bar_suspended(|| {
        let _ = writeln!(stderr(), "error: {}", lines.join("\n"));
    });
}

/// A path, quoted for a shell.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:,@%".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

/// The first error of writing to standard output.
static OUTPUT_ERROR: Mutex<Option<io::Error>> = Mutex::new(None);

/// Remembers an error of writing to standard output for [`check_output`]. A closed pipe (`| head`)
/// is no error.
pub fn remember_output_error(result: io::Result<()>) {
    if let Err(error) = result
        && error.kind() != ErrorKind::BrokenPipe
    {
        lock(&OUTPUT_ERROR).get_or_insert(error);
    }
}

/// Checks, at the end of a command, that everything was written to standard output.
///
/// # Errors
/// [`Error::Output`].
pub fn check_output() -> Result<()> {
    remember_output_error(stdout().flush());
    lock(&OUTPUT_ERROR).take().map_or(Ok(()), |source| Err(Error::Output { source }))
}

/// What must be suspended while other lines are printed.
enum Shown {
    Nothing,
    Bar(ProgressBar),
    Bars(MultiProgress),
}

static SHOWN: Mutex<Shown> = Mutex::new(Shown::Nothing);

/// Sets the visible progress bar, or that there is none.
pub fn show_bar(bar: Option<ProgressBar>) {
    *lock(&SHOWN) = bar.map_or(Shown::Nothing, Shown::Bar);
}

/// Sets several visible progress bars, or that there are none.
pub fn show_bars(bars: Option<MultiProgress>) {
    *lock(&SHOWN) = bars.map_or(Shown::Nothing, Shown::Bars);
}

/// Calls `print`, which prints whole lines, while the progress bar is suspended. `print` must not
/// call this function.
pub fn with_bar_suspended(print: impl FnOnce()) {
    match &*lock(&SHOWN) {
        Shown::Bar(bar) => bar.suspend(print),
        Shown::Bars(bars) => bars.suspend(print),
        Shown::Nothing => print(),
    }
}

/// Locks a mutex, also after another thread has panicked.
pub fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The display of one run.
pub struct Display {
    verbosity: Verbosity,
    bar: Option<ProgressBar>,
    last_update: Option<Instant>,
    rate: Rate,
    /// The newest losses and the newest score, as text.
    newest: [String; 2],
}

/// Images per second since the last update.
struct Rate {
    since: Instant,
    images: u64,
}

impl Display {
    /// An empty display.
    pub fn new(verbosity: Verbosity) -> Self {
        let rate = Rate { since: Instant::now(), images: 0 };
        Self { verbosity, bar: None, last_update: None, rate, newest: Default::default() }
    }

    /// Shows a run of `total` iterations of which `completed` are done.
    pub fn begin(&mut self, completed: u32, total: u32) {
        let visible = self.verbosity > Verbosity::Quiet && is_terminal();
        self.bar =
            visible.then(|| progress_bar(completed.into(), Some(total.into()), TRAINING_BAR));
        show_bar(self.bar.clone());
        self.rate = Rate { since: Instant::now(), images: 0 };
    }

    /// Ends the display and leaves its last state on the screen.
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
        let due = self.last_update.is_none_or(|update| update.elapsed() >= UPDATE_INTERVAL);
        self.verbosity > Verbosity::Quiet && due
    }

    fn losses(&mut self, progress: Progress, metrics: &Metrics) {
        self.last_update = Some(Instant::now());
        let Some(bar) = &self.bar else {
            if self.verbosity > Verbosity::Quiet {
                print_line(&loss_line(progress, metrics));
            }
            return;
        };
        let rate = self.rate.images as f64 / self.rate.since.elapsed().as_secs_f64().max(1e-9);
        self.rate = Rate { since: Instant::now(), images: 0 };
        let &Metrics { d_loss, g_loss, penalty, d_real, d_fake } = metrics;
        let penalty =
            if penalty == 0.0 { String::new() } else { format!("  penalty {penalty:.4}") };
        bar.set_prefix(format!("epoch {}/{}", progress.epoch.0, progress.epoch.1));
        self.newest[0] = format!(
            "{rate:.0} images/s  D loss {d_loss:.4}  G loss {g_loss:.4}{penalty}  \
             D(x) {d_real:.2}  D(G(z)) {d_fake:.2}"
        );
        bar.set_message(self.newest.concat());
    }

    fn scores(&mut self, iteration: u32, scores: &Scores) {
        let text = |measure: Measure| {
            scores.by(measure).map(|score| format!("  {} {}", measure.name(), significant(score)))
        };
        self.newest[1] = text(Measure::Fcd).or_else(|| text(Measure::Kid)).unwrap_or_default();
        // The time of scoring is no training time.
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

    /// Stops drawing the bar at once: the terminal has echoed `^C` after it, so a redrawn bar would
    /// appear in the wrong position.
    fn stopping(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            show_bar(None);
            print_line("");
        }
    }
}

/// A progress bar at position `done`.
pub fn progress_bar(done: u64, total: Option<u64>, template: &str) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar.with_position(done)
}

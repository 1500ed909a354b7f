//! What a person sees while a run goes on: a progress bar in a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::path::Path;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use gan_cuda::gan::Metrics;
use gan_cuda::gan::dataset::Progress;
use gan_cuda::run::journal::loss_line;
use gan_cuda::train::observer::Observer;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

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

/// Prints a line that begins with a label; what a terminal has no room for goes below its text.
pub fn print_wrapped(text: &str) {
    if !stdout().is_terminal() {
        return print_line(text);
    }
    let options = textwrap::Options::with_termwidth()
        .subsequent_indent(NO_LABEL)
        .break_words(false)
        .word_separator(textwrap::WordSeparator::AsciiSpace)
        .word_splitter(textwrap::WordSplitter::NoHyphenation);
    print_line(&textwrap::fill(text, options));
}

/// Prints a line to standard output, above a progress bar if there is one. A reader that has gone
/// away (`| head`) is no reason to stop.
pub fn print_line(text: &str) {
    above_the_bar(|| {
        let _ = writeln!(stdout(), "{text}");
    });
}

/// The same to standard error.
pub fn print_error_line(text: &str) {
    above_the_bar(|| {
        let _ = writeln!(stderr(), "{text}");
    });
}

/// The progress bar on the screen, which other lines would tear.
static BAR: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Says which progress bar is on the screen from now on, or that there is none any more.
pub fn show_bar(bar: Option<ProgressBar>) {
    *BAR.lock().unwrap_or_else(PoisonError::into_inner) = bar;
}

/// Prints what stays in whole lines, while the progress bar steps aside. `print` must not call this
/// again.
pub fn above_the_bar(print: impl FnOnce()) {
    match &*BAR.lock().unwrap_or_else(PoisonError::into_inner) {
        Some(bar) => bar.suspend(print),
        None => print(),
    }
}

/// The display of one run.
pub struct Display {
    verbosity: Verbosity,
    bar: Option<ProgressBar>,
    shown: Option<Instant>,
    rate: Rate,
}

/// Images a second, smoothed over the last readings.
struct Rate {
    since: Instant,
    images: u64,
}

impl Display {
    /// A display for a run of `total` iterations of which `completed` are done.
    pub fn new(verbosity: Verbosity, completed: u32, total: u32) -> Self {
        let wanted = verbosity > Verbosity::Quiet && stdout().is_terminal();
        let bar = wanted.then(|| progress_bar(completed.into(), Some(total.into()), BAR_OF_A_RUN));
        show_bar(bar.clone());
        let rate = Rate { since: Instant::now(), images: 0 };
        Self { verbosity, bar, shown: None, rate }
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
        bar.set_message(format!(
            "{rate:.0} images/s  D loss {d_loss:.4}  G loss {g_loss:.4}  D(x) {d_real:.2}  \
             D(G(z)) {d_fake:.2}"
        ));
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

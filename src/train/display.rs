//! What a person sees while a run goes on: a progress bar in a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::gan::Metrics;

/// As wide as a label.
const NO_LABEL: &str = "          ";
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

/// Where a run is, for people: all numbers are of completed work, epochs count from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Completed iterations, and how many there will be.
    pub iteration: (u32, u32),
    /// The epoch, and how many there will be.
    pub epoch: (u32, u32),
    /// Completed batches of the epoch, and how many there are.
    pub batch: (u32, u32),
}

/// `[Epoch 3/200] [Batch 12/938] [D loss: 0.2388] …`
pub fn line(place: Place, metrics: &Metrics) -> String {
    let ((epoch, epochs), (batch, batches)) = (place.epoch, place.batch);
    let Metrics { loss_d, loss_g, d_real, d_fake } = metrics;
    format!(
        "[Epoch {epoch}/{epochs}] [Batch {batch}/{batches}] [D loss: {loss_d:.4}] \
         [G loss: {loss_g:.4}] [D(x): {d_real:.2}] [D(G(z)): {d_fake:.2}]"
    )
}

/// How many batches an epoch has, by a line of [`line()`].
pub fn batches_of(line: &str) -> Option<u32> {
    let (_, rest) = line.strip_prefix("[Epoch ")?.split_once("] [Batch ")?;
    let (_, batches) = rest.split_once(']')?.0.split_once('/')?;
    batches.parse().ok()
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
        let bar = wanted.then(|| progress_bar(completed, total));
        show_bar(bar.clone());
        let rate = Rate { since: Instant::now(), images: 0 };
        Self { verbosity, bar, shown: None, rate }
    }

    /// Says something on a line of its own.
    pub fn say(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            print_line(text);
        }
    }

    /// Says on standard error what may be wrong.
    pub fn warn(&self, text: &str) {
        if self.verbosity > Verbosity::Quiet {
            print_error_line(text);
        }
    }

    /// Says something that only a curious person wants to hear.
    pub fn whisper(&self, text: &str) {
        if self.verbosity == Verbosity::Verbose {
            self.say(text);
        }
    }

    /// Leaves the bar as it stands, at once: a terminal shows Ctrl-C behind the bar, and a bar that
    /// is drawn again would be out of place.
    pub fn leave(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
            show_bar(None);
            print_line("");
        }
    }

    /// Moves on by one batch; tells whether it is time to show losses.
    pub fn advance(&mut self, place: Place, images: usize) -> bool {
        self.rate.images += images as u64;
        if let Some(bar) = &self.bar {
            bar.set_position(u64::from(place.iteration.0));
        }
        let due = self.shown.is_none_or(|shown| shown.elapsed() >= PACE);
        self.verbosity > Verbosity::Quiet && due
    }

    /// Shows losses.
    pub fn show(&mut self, place: Place, metrics: &Metrics) {
        self.shown = Some(Instant::now());
        let Some(bar) = &self.bar else {
            return self.say(&line(place, metrics));
        };
        let rate = self.rate.images as f64 / self.rate.since.elapsed().as_secs_f64().max(1e-9);
        self.rate = Rate { since: Instant::now(), images: 0 };
        let Metrics { loss_d, loss_g, d_real, d_fake } = metrics;
        bar.set_prefix(format!("epoch {}/{}", place.epoch.0, place.epoch.1));
        bar.set_message(format!(
            "{rate:.0} images/s  D loss {loss_d:.4}  G loss {loss_g:.4}  D(x) {d_real:.2}  \
             D(G(z)) {d_fake:.2}"
        ));
    }

    /// Ends the display and leaves on the screen what it shows.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.abandon();
            show_bar(None);
        }
    }
}

/// Two lines: how far, and how well.
fn progress_bar(completed: u32, total: u32) -> ProgressBar {
    let target = ProgressDrawTarget::stdout();
    let bar = ProgressBar::with_draw_target(Some(u64::from(total)), target);
    let template =
        "{prefix} {bar:20} {human_pos}/{human_len}  {elapsed} elapsed, {eta} left\n{msg}";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style);
    }
    bar.reset_eta();
    bar.with_position(u64::from(completed))
}

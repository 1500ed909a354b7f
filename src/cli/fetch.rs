//! `gan-cuda fetch`: downloads data sets to the folder where `train` finds them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crate::data::DatasetKind;
use crate::data::fetch::{Event, FetchRequest, fetch};
use crate::text::{bytes, grouped};
use indicatif::ProgressBar;

use super::display::{is_terminal, print_error_line, print_line, progress_bar};
use super::value_parsers::choice;
use crate::cli::error::{Result, refuse};

/// Minimum time between two plain progress lines.
const UPDATE_INTERVAL: Duration = Duration::from_secs(5);

/// Flags of `fetch`, as they were given.
#[derive(clap::Args)]
pub struct Args {
    /// Data set to download
    #[arg(value_name = "NAME", required = true, value_parser = choice::<DatasetKind>())]
    datasets: Vec<DatasetKind>,
    /// Folder for the files [default: the cache folder, which `train` searches]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Base URL of a mirror with the four files as NAME.gz, tried before the public mirrors; may be
    /// given more than once
    #[arg(long, value_name = "URL", value_parser = mirror)]
    mirror: Vec<String>,
    /// Print errors only
    #[arg(short, long)]
    quiet: bool,
}

/// Downloads one data set after the other.
pub fn run(args: &Args) -> Result<()> {
    check(args)?;
    for &kind in &args.datasets {
        let request = FetchRequest::for_dataset(kind, &args.mirror, args.data_dir.as_deref())?;
        let mut reporter = ProgressReporter::new(args.quiet);
        reporter.print(&format!("gan-cuda {}, fetching {kind}", env!("CARGO_PKG_VERSION")));
        reporter.print(&format!("into      {}", request.folder.display()));
        fetch(&request, &mut |event| reporter.report(&event))?;
        reporter.print(&next_step(kind, args));
    }
    Ok(())
}

/// Refuses one folder for two data sets: their files have the same names.
fn check(args: &Args) -> Result<()> {
    let flag = match args {
        Args { data_dir: Some(_), .. } => "--data-dir",
        Args { mirror, .. } if !mirror.is_empty() => "--mirror",
        _ => return Ok(()),
    };
    if args.datasets.len() == 1 {
        return Ok(());
    }
    refuse(
        flag,
        "is the folder of one data set, and files of different data sets have the same names; \
         fetch one data set at a time",
    )
}

fn next_step(kind: DatasetKind, args: &Args) -> String {
    let folder = match &args.data_dir {
        Some(folder) => format!(" --data-dir {}", folder.display()),
        None => String::new(),
    };
    format!("done      gan-cuda train --dataset {kind}{folder}")
}

/// Parses the base URL of a mirror.
fn mirror(text: &str) -> Result<String, String> {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        None => Err("the URL must begin with http:// or https://".to_owned()),
        Some(host) if host.is_empty() || host.starts_with('/') => {
            Err("the URL has no host".to_owned())
        }
        Some(_) => Ok(format!("{}/", text.trim_end_matches('/'))),
    }
}

/// Prints the progress: a bar in a terminal, plain lines elsewhere.
struct ProgressReporter {
    quiet: bool,
    bar: Option<ProgressBar>,
    /// The length of the file in bytes, as reported by the server.
    total: Option<u64>,
    last_line: Instant,
}

impl ProgressReporter {
    fn new(quiet: bool) -> Self {
        ProgressReporter { quiet, bar: None, total: None, last_line: Instant::now() }
    }

    fn report(&mut self, event: &Event) {
        match event {
            Event::Waiting => self.print("waiting   for another gan-cuda fetch into this folder"),
            Event::AlreadyPresent(path) => self.print(&format!("present   {}", path.display())),
            Event::Invalid(path, mismatch) => {
                self.warn(&format!("warning: {}: {mismatch}", path.display()));
            }
            Event::Started { url, from, total } => self.begin(url, *from, *total),
            Event::Received(bytes) => self.received(*bytes),
            Event::Failed(failure) => {
                self.clear();
                self.warn(&format!("warning: {failure}"));
            }
            Event::Verified(file) => {
                self.clear();
                self.print(&format!(
                    "verified  {}: {} bytes, SHA-256 matches",
                    file.name,
                    grouped(file.length)
                ));
            }
            Event::MovedAside(path, aside) => {
                self.print(&format!("moved     {} to {}", path.display(), aside.display()));
            }
        }
    }

    fn begin(&mut self, url: &str, from: u64, total: Option<u64>) {
        self.clear();
        self.print(&format!("from      {url}"));
        if from > 0 {
            self.print(&format!("          resuming at {}", bytes(from as usize)));
        }
        (self.total, self.last_line) = (total, Instant::now());
        if !self.quiet && is_terminal() {
            let template = match total {
                Some(_) => {
                    "          {bar:20} {bytes} of {total_bytes}  {bytes_per_sec}, {eta} left"
                }
                None => "          {spinner} {bytes}  {bytes_per_sec}",
            };
            self.bar = Some(progress_bar(from, total, template));
        }
    }

    fn received(&mut self, count: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(count);
        } else if self.last_line.elapsed() >= UPDATE_INTERVAL {
            self.last_line = Instant::now();
            let total = self.total.map(|total| format!(" of {}", bytes(total as usize)));
            self.print(&format!(
                "          {}{}",
                bytes(count as usize),
                total.unwrap_or_default()
            ));
        }
    }

    fn print(&self, text: &str) {
        if !self.quiet {
            print_line(text);
        }
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            print_error_line(text);
        }
    }

    /// Removes the bar from the screen before a line is printed.
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

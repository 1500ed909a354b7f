//! `gan-cuda fetch`: downloads data sets to where `train` finds them.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use gan_cuda::data::DatasetKind;
use gan_cuda::data::fetch::{Event, FetchRequest, fetch};
use gan_cuda::text::{bytes, grouped};
use indicatif::ProgressBar;

use super::display::{is_terminal, print_error_line, print_line, progress_bar};
use super::ranges::choice;
use crate::cli::error::{Result, refuse};

/// The shortest time between two plain lines of one file.
const PACE: Duration = Duration::from_secs(5);

/// Flags of `fetch`, as they were given.
#[derive(clap::Args)]
pub struct Args {
    /// What to download
    #[arg(value_name = "NAME", required = true, value_parser = choice::<DatasetKind>())]
    datasets: Vec<DatasetKind>,
    /// Folder to put the files in [default: the cache folder, where `train` looks for them]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// URL of a folder that has the four files as NAME.gz, to be tried before the public mirrors;
    /// may be given more than once
    #[arg(long, value_name = "URL", value_parser = mirror)]
    mirror: Vec<String>,
    /// Say nothing but errors
    #[arg(short, long)]
    quiet: bool,
}

/// Downloads one data set after the other.
pub fn run(args: &Args) -> Result<()> {
    check(args)?;
    for &kind in &args.datasets {
        let order = FetchRequest::for_dataset(kind, &args.mirror, args.data_dir.as_deref())?;
        let mut teller = Teller::new(args.quiet);
        teller.say(&format!("gan-cuda {}, fetching {kind}", env!("CARGO_PKG_VERSION")));
        teller.say(&format!("into      {}", order.folder.display()));
        fetch(&order, &mut |event| teller.tell(&event))?;
        teller.say(&farewell(kind, args));
    }
    Ok(())
}

/// Files of both data sets have the same names.
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
        "is a folder of one data set, whose files have the names of all others'; fetch one after \
         the other",
    )
}

fn farewell(kind: DatasetKind, args: &Args) -> String {
    let folder = match &args.data_dir {
        Some(folder) => format!(" --data-dir {}", folder.display()),
        None => String::new(),
    };
    format!("done      gan-cuda train --dataset {kind}{folder}")
}

/// A URL to put file names behind.
fn mirror(text: &str) -> Result<String, String> {
    let host = ["http://", "https://"].iter().find_map(|scheme| text.strip_prefix(scheme));
    match host {
        None => Err("a mirror's URL begins with http:// or https://".to_owned()),
        Some(host) if host.is_empty() || host.starts_with('/') => {
            Err("this URL names no host".to_owned())
        }
        Some(_) => Ok(format!("{}/", text.trim_end_matches('/'))),
    }
}

/// Tells a person what happens: a bar in a terminal, plain lines elsewhere.
struct Teller {
    quiet: bool,
    bar: Option<ProgressBar>,
    /// What the server says is the length of the file that comes, in bytes.
    total: Option<u64>,
    said: Instant,
}

impl Teller {
    fn new(quiet: bool) -> Self {
        Teller { quiet, bar: None, total: None, said: Instant::now() }
    }

    fn tell(&mut self, event: &Event) {
        match event {
            Event::Waiting => self.say("waiting   another gan-cuda fetch fills this folder"),
            Event::AlreadyPresent(path) => self.say(&format!("there     {}", path.display())),
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
                self.say(&format!(
                    "checked   {}: {} bytes with the right SHA-256",
                    file.name,
                    grouped(file.length)
                ));
            }
            Event::MovedAside(path, aside) => {
                self.say(&format!("moved     {} to {}", path.display(), aside.display()));
            }
        }
    }

    fn begin(&mut self, url: &str, from: u64, total: Option<u64>) {
        self.clear();
        self.say(&format!("from      {url}"));
        if from > 0 {
            self.say(&format!("          going on from {}", bytes(from as usize)));
        }
        (self.total, self.said) = (total, Instant::now());
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
        } else if self.said.elapsed() >= PACE {
            self.said = Instant::now();
            let total = self.total.map(|total| format!(" of {}", bytes(total as usize)));
            self.say(&format!("          {}{}", bytes(count as usize), total.unwrap_or_default()));
        }
    }

    fn say(&self, text: &str) {
        if !self.quiet {
            print_line(text);
        }
    }

    fn warn(&self, text: &str) {
        if !self.quiet {
            print_error_line(text);
        }
    }

    /// Takes the bar off the screen, so that lines stand below each other.
    fn clear(&mut self) {
        if let Some(bar) = self.bar.take() {
            bar.finish_and_clear();
        }
    }
}

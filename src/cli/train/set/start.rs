//! Starts a set: how many runs fit at the same time, what is printed first, and the workers.

use std::sync::{Arc, Mutex};

use super::super::open;
use super::display::SetDisplay;
use super::plans::{AtOnce, Origin, Plans};
use super::workers::Workers;
use super::{banner, report};
use crate::cli::device::AnyDevice;
use crate::cli::display::{Verbosity, check_output, print_lines};
use crate::cli::error::Result;
use crate::cli::signals::Signals;
use crate::data::Dataset;
use crate::device::cpu::{Cpu, default_threads};
use crate::device::{self, Device};
use crate::gan::dataset::DeviceImages;
use crate::gan::plan::Plan;
use crate::run::config::Config;

impl Plans<'_> {
    /// Trains the runs, and returns the exit code.
    pub fn start(mut self) -> Result<u8> {
        // Those in the configuration of a resumed run are its share of all threads.
        let all = match &self.origin {
            Origin::New { .. } => self.runs[0].config.threads,
            Origin::Resumed { .. } => self.args.length.threads.unwrap_or_else(default_threads),
        };
        self.runs.iter_mut().for_each(|run| run.config.threads = all);
        let open = || open(self.args, &self.runs[0].config, None);
        let chosen = self.device.take().map_or_else(open, Ok)?;
        let (conv, reason) = (self.runs[0].config.conv, chosen.reason);
        match chosen.device {
            AnyDevice::Cpu(cpu) => {
                let open = |threads| Ok(Cpu::with_form(threads, conv));
                self.train_on(cpu, reason, all, &open)
            }
            AnyDevice::Cuda(cuda) => {
                let open = cuda.opener();
                self.train_on(*cuda, reason, usize::MAX, &|_| open())
            }
        }
    }

    /// Trains at most `most` runs at the same time. `open` opens a device with a number of CPU threads.
    fn train_on<D: Device>(
        self,
        device: D,
        reason: Option<String>,
        most: usize,
        open: &(impl Fn(usize) -> device::Result<D> + Sync),
    ) -> Result<u8>
    where
        Arc<DeviceImages<D>>: Send + Sync,
    {
        let quiet = self.args.verbosity() == Verbosity::Quiet;
        let sizes = self.sizes()?;
        let (fitting, wanted) =
            (Plan::at_once(&device, &sizes, self.resident())?, most.min(self.runs.len()));
        let at_once =
            AtOnce { threads: shares(self.runs[0].config.threads, fitting.min(wanted)), wanted };
        if !quiet {
            banner::print(&self, &device, reason, &sizes, &at_once);
        }
        if self.args.dry_run {
            return self.end_dry_run();
        }
        let signals = Signals::default();
        signals.listen()?;
        let names: Vec<_> = self.runs.iter().map(|run| run.name.clone()).collect();
        let (verbosity, done) = (self.args.verbosity(), self.progress(&sizes));
        let data = self.on_device(&device)?;
        let (set, _lock, jobs) = self.into_jobs()?;
        let count = jobs.len();
        if !quiet {
            print_line!("runs      {}", set.path().display());
        }
        let display =
            SetDisplay::begin(verbosity, &names, at_once.threads.len(), done, &signals.received);
        let workers = Workers {
            set: &set,
            data,
            threads: at_once.threads,
            display: &display,
            stop: &signals.received,
            evaluators: Mutex::new(()),
            summary: Mutex::new(()),
        };
        let ended = workers.train(jobs, open);
        display.finish();
        let best = workers.write_summary();
        report::end(&set, (&ended, count), best, quiet, &signals)
    }

    /// All data sets with their copies on the device.
    #[allow(clippy::type_complexity)]
    fn on_device<D: Device>(
        &self,
        device: &D,
    ) -> device::Result<Vec<(Arc<Dataset>, Arc<DeviceImages<D>>)>> {
        let copy = |(_, data): (&Config, &Arc<Dataset>)| {
            let images = DeviceImages::new(device, &data.images, &data.labels)?;
            Ok((data.clone(), Arc::new(images)))
        };
        self.data_sets.all().map(copy).collect()
    }

    /// Prints the runs and the configuration of the first one.
    fn end_dry_run(&self) -> Result<u8> {
        if self.args.verbosity() > Verbosity::Quiet {
            for run in &self.runs {
                match run.completed {
                    0 => print_line!("# {}", run.name),
                    done => print_line!("# {}, from iteration {done}", run.name),
                }
            }
            print_line!(
                "# dry run: nothing was written; the configuration of {}:",
                self.runs[0].name
            );
            print_line!("");
            print_lines(&self.runs[0].config.to_text()?);
        }
        check_output().map(|()| 0)
    }
}

/// Divides threads among workers.
fn shares(threads: usize, workers: usize) -> Vec<usize> {
    let share = |worker| (threads / workers + usize::from(worker < threads % workers)).max(1);
    (0..workers).map(share).collect()
}

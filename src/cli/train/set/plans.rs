//! The runs of a set before they are trained: how many fit at the same time, and their start.

use std::sync::{Arc, Mutex};

use super::super::flags::Args;
use super::super::open;
use super::data_sets::DataSets;
use super::display::SetDisplay;
use super::workers::{Job, Start, Workers};
use super::{banner, report};
use crate::cli::device::AnyDevice;
use crate::cli::display::{Verbosity, check_output, print_lines};
use crate::cli::error::{Error, Result};
use crate::cli::signals::Signals;
use crate::data::Dataset;
use crate::device::cpu::{Cpu, default_threads};
use crate::device::{self, Device};
use crate::formats::files::write_atomic;
use crate::gan::Model;
use crate::gan::dataset::{DeviceImages, Schedule};
use crate::gan::plan::Plan;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::lock::RunLock;
use crate::run::set::RunSet;
use crate::train::set::write_summary;
use crate::train::trainer::schedule;

/// A run of the set, before the set has a folder.
pub struct Run {
    /// What its settings differ in: `seed=3`.
    pub name: String,
    pub values: Vec<String>,
    pub config: Config,
    /// The index of its data set.
    pub data: usize,
    /// Its completed iterations.
    pub completed: u32,
    /// Its folder and where it starts, if it has one.
    pub folder: Option<(RunDir, Start)>,
}

impl Run {
    /// Its folder and its configuration, if it has a folder.
    fn in_folder(&self) -> Option<(&RunDir, &Config)> {
        self.folder.as_ref().map(|(folder, _)| (folder, &self.config))
    }
}

/// All runs that are to be trained.
pub struct Plans<'a> {
    pub args: &'a Args,
    pub runs: Vec<Run>,
    pub data_sets: DataSets,
    pub origin: Origin,
}

/// The set.
pub enum Origin {
    /// To be created, for runs that differ in these settings.
    New { name: String, keys: Vec<String> },
    /// Resumed; locked unless nothing will be written. Some runs may be complete already.
    Resumed { set: RunSet, lock: Option<RunLock>, complete: usize },
}

impl Plans<'_> {
    pub fn start(mut self) -> Result<u8> {
        // Those in the configuration of a resumed run are its share of all threads.
        let all = match &self.origin {
            Origin::New { .. } => self.runs[0].config.threads,
            Origin::Resumed { .. } => self.args.length.threads.unwrap_or_else(default_threads),
        };
        self.runs.iter_mut().for_each(|run| run.config.threads = all);
        let chosen = open(self.args, &self.runs[0].config)?;
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
        write_summary(&set)?;
        report::end(&set, &ended, quiet, &signals)
    }

    /// The model of each run and how its images are divided into batches.
    fn sizes(&self) -> Result<Vec<(Model, Schedule)>> {
        let size = |run: &Run| {
            let (model, data) = (run.config.model()?, self.data_sets.get(run.data));
            let schedule = schedule(&model, data)?;
            Ok((model, schedule))
        };
        let named = |run: &Run| size(run).map_err(|error: Error| error.of_run(&run.name));
        self.runs.iter().map(named).collect()
    }

    /// Iterations of all runs: completed ones, and their total.
    fn progress(&self, sizes: &[(Model, Schedule)]) -> [u64; 2] {
        let total = |(run, (_, schedule)): (&Run, &(Model, Schedule))| -> u64 {
            run.config.total(*schedule).into()
        };
        [
            self.runs.iter().map(|run| u64::from(run.completed)).sum(),
            self.runs.iter().zip(sizes).map(total).sum(),
        ]
    }

    /// Bytes of all data sets on the device.
    pub fn resident(&self) -> usize {
        let size = |data: &Dataset| data.images.len() + size_of_val(&*data.labels);
        self.data_sets.all().map(|(_, data)| size(data)).sum()
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

    /// The set with a folder for each run, its lock, and the runs to be trained.
    fn into_jobs(self) -> Result<(RunSet, Option<RunLock>, Vec<Job>)> {
        let (set, lock) = match self.origin {
            Origin::Resumed { set, lock, .. } => {
                // Runs that do not begin before the next stop, too, have the new number of iterations.
                for (folder, config) in self.runs.iter().filter_map(Run::in_folder) {
                    write_atomic(&folder.config(), config.to_text()?.as_bytes())?;
                }
                (set, lock)
            }
            Origin::New { name, keys } => {
                let run = |run: &Run| (run.values.clone(), run.config.clone());
                let runs: Vec<_> = self.runs.iter().map(run).collect();
                let set = RunSet::create(&self.args.output.runs_dir, &name, keys, &runs)?;
                let lock = set.lock()?;
                (set, Some(lock))
            }
        };
        let new = set.members().iter().map(|member| member.run.clone());
        let jobs = self.runs.into_iter().zip(new).map(|(run, new)| {
            let Run { name, config, data, folder, .. } = run;
            let (run, start) = folder.unwrap_or((new, Start::New));
            Job { name, config, run, start, data }
        });
        let jobs = jobs.collect();
        Ok((set, lock, jobs))
    }
}

/// How many runs train at the same time.
pub struct AtOnce {
    /// The CPU threads of each of them.
    pub threads: Vec<usize>,
    /// How many there would be with enough memory.
    pub wanted: usize,
}

/// Divides threads among workers.
fn shares(threads: usize, workers: usize) -> Vec<usize> {
    let share = |worker| (threads / workers + usize::from(worker < threads % workers)).max(1);
    (0..workers).map(share).collect()
}

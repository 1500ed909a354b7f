//! The runs of a set before they are trained.

use super::super::flags::Args;
use super::data_sets::DataSets;
use super::workers::{Job, Start};
use crate::cli::device::ChosenDevice;
use crate::cli::error::{Error, Result};
use crate::data::Dataset;
use crate::formats::files::write_atomic;
use crate::gan::Model;
use crate::gan::dataset::Schedule;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::lock::RunLock;
use crate::run::set::RunSet;
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
    /// The device, if it is open.
    pub device: Option<ChosenDevice>,
}

/// The set.
pub enum Origin {
    /// To be created, for runs that differ in these settings.
    New { name: String, keys: Vec<String> },
    /// Resumed; locked unless nothing will be written. Some runs may be complete already.
    Resumed { set: RunSet, lock: Option<RunLock>, complete: usize },
}

impl Plans<'_> {
    /// The model of each run and how its images are divided into batches.
    pub fn sizes(&self) -> Result<Vec<(Model, Schedule)>> {
        let size = |run: &Run| {
            let (model, data) = (run.config.model()?, self.data_sets.get(run.data));
            let schedule = schedule(&model, data)?;
            Ok((model, schedule))
        };
        let named = |run: &Run| size(run).map_err(|error: Error| error.of_run(&run.name));
        self.runs.iter().map(named).collect()
    }

    /// Iterations of all runs: completed ones, and their total.
    pub fn progress(&self, sizes: &[(Model, Schedule)]) -> [u64; 2] {
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

    /// The set with a folder for each run, its lock, and the runs to be trained.
    pub fn into_jobs(self) -> Result<(RunSet, Option<RunLock>, Vec<Job>)> {
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

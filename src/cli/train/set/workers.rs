//! Trains the runs of a set at the same time: each worker thread takes the next run, with a device of its
//! own, until none is left.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::display::SetDisplay;
use crate::cli::display::{lock, warn};
use crate::cli::error::{Error, Result};
use crate::cli::train::front_end::Trained;
use crate::data::Dataset;
use crate::device::{self, Device};
use crate::eval::Evaluator;
use crate::gan::dataset::DeviceImages;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::journal::ERROR;
use crate::run::set::RunSet;
use crate::run::set::summary::Best;
use crate::text::{significant, with_causes};
use crate::train::set::write_summary;
use crate::train::trainer::{Outcome, Trainer, TrainingImages};

/// A run to be trained.
pub struct Job {
    /// What its settings differ in: `seed=3`.
    pub name: String,
    pub config: Config,
    pub run: RunDir,
    pub start: Start,
    /// The index of its data set.
    pub data: usize,
}

/// Where a run starts.
pub enum Start {
    /// In a folder without a checkpoint.
    New,
    /// From the run's newest checkpoint.
    Checkpoint,
    /// It cannot be resumed.
    Failed(Error),
}

/// What the workers share.
pub struct Workers<'a, D: Device> {
    pub set: &'a RunSet,
    /// The data sets on the host and on the device.
    pub data: Vec<(Arc<Dataset>, Arc<DeviceImages<D>>)>,
    /// The CPU threads of each worker.
    pub threads: Vec<usize>,
    pub display: &'a SetDisplay<'a>,
    pub stop: &'a AtomicBool,
    /// Held while an evaluator is made: only the first trains a classifier, which the others read.
    pub evaluators: Mutex<()>,
    /// Held while the summary is written.
    pub summary: Mutex<()>,
}

/// A run that has ended, and how.
pub struct Ended {
    pub name: String,
    pub result: Result<Trained>,
}

impl<D: Device> Workers<'_, D>
where
    Arc<DeviceImages<D>>: Send + Sync,
{
    /// Trains all runs, on devices that `open` opens with a number of CPU threads. Returns those that
    /// have begun.
    pub fn train(
        &self,
        jobs: Vec<Job>,
        open: &(impl Fn(usize) -> device::Result<D> + Sync),
    ) -> Vec<Ended> {
        let (jobs, ended) = (Mutex::new(jobs.into_iter()), Mutex::new(Vec::new()));
        let next = || lock(&jobs).next().filter(|_| !self.stop.load(Ordering::Relaxed));
        thread::scope(|scope| {
            for worker in 0..self.threads.len() {
                let (next, ended) = (&next, &ended);
                scope.spawn(move || {
                    while let Some(job) = next() {
                        let one = self.train_one(job, worker, open);
                        lock(ended).push(one);
                        self.display.end();
                        self.write_summary();
                    }
                });
            }
        });
        ended.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn train_one(
        &self,
        mut job: Job,
        worker: usize,
        open: &impl Fn(usize) -> device::Result<D>,
    ) -> Ended {
        let (name, run) = (job.name.clone(), job.run.clone());
        job.config.threads = self.threads[worker];
        let result =
            open(job.config.threads).map_err(Error::from).and_then(|device| self.run(job, device));
        match &result {
            Ok(trained) => self.display.print(&name, &summary_line(trained)),
            Err(error) => {
                note_error(&run, error);
                self.display.print_error(&name, &error.lines().join("\n"));
            }
        }
        Ended { name, result }
    }

    fn run(&self, job: Job, device: D) -> Result<Trained> {
        let Job { name, config, run, start, data } = job;
        let (data, resident) = &self.data[data];
        let evaluator = match config.evaluate_interval {
            Some(_) => Some(self.evaluator(&name, &device, &config, data)?),
            None => None,
        };
        let images = TrainingImages::resident(data, resident.clone());
        let mut trainer = match start {
            Start::New => {
                // It may have been killed before its first checkpoint.
                run.clear()?;
                Trainer::begin_in(run.clone(), config, device, images)?
            }
            Start::Checkpoint => {
                let lock = run.lock()?;
                let checkpoint = Checkpoint::load(&run.checkpoint(run.newest_checkpoint()?))?;
                Trainer::resume(config, device, images, (run.clone(), lock), &checkpoint)?
            }
            Start::Failed(error) => return Err(error),
        };
        evaluator.into_iter().for_each(|evaluator| trainer.evaluate_with(evaluator));
        let (completed, total) = (trainer.gan().completed(), trainer.total());
        let mut line = self.display.run(&name, completed, total);
        let outcome = trainer.train(&mut line, self.stop)?;
        Ok(Trained {
            outcome,
            iterations: [completed, trainer.gan().completed()],
            diverged: trainer.has_diverged(),
            best: trainer.best()?,
            run,
        })
    }

    fn evaluator(
        &self,
        name: &str,
        device: &D,
        config: &Config,
        data: &Dataset,
    ) -> Result<Evaluator<D>> {
        let _only = lock(&self.evaluators);
        let evaluator = Evaluator::new(device, config, data, &mut |_, _| ())?;
        if let Some(warning) = evaluator.warning() {
            self.display.warn(name, &warning);
        }
        Ok(evaluator)
    }

    /// A summary that cannot be written does not end the runs. Returns the best run, if there are scores.
    pub fn write_summary(&self) -> Option<Best> {
        let _only = lock(&self.summary);
        write_summary(self.set).unwrap_or_else(|error| {
            warn([with_causes(&error)]);
            None
        })
    }
}

/// Writes the error of a run that could not even begin to its log, so that it counts as failed.
fn note_error(run: &RunDir, error: &Error) {
    if !run.log().exists() {
        let text = format!("{ERROR}{}\n", error.lines().join(" "));
        // Informational only: the error is printed, too.
        let _ = std::fs::write(run.log(), text);
    }
}

fn summary_line(trained: &Trained) -> String {
    let [_, done] = trained.iterations;
    match (trained.outcome, trained.diverged) {
        (_, true) => format!("diverged: the losses exploded; {done} iterations"),
        (Outcome::Finished, _) => format!("done: {done} iterations{}", score(trained)),
        (Outcome::Stopped, _) => format!("stopped after iteration {done}"),
    }
}

/// The score of a run, if it has one: `, FCD 12.30`.
fn score(trained: &Trained) -> String {
    let best = trained.best.and_then(|(measure, entry)| Some((measure, entry.scores.by(measure)?)));
    best.map_or(String::new(), |(measure, score)| {
        format!(", best {} {}", measure.name(), significant(score))
    })
}

//! The training loop: next batch, iteration, log, sample, score, save.

mod fixed_samples;
mod meeting;
mod outputs;
mod scores;
mod setup;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing::debug;

use crate::device::Device;
use crate::device::ops::RING_ROWS;
use crate::eval::evaluate::Evaluate;
use crate::formats::events::EventFile;
use crate::formats::stats::ImageStats;
use crate::gan::dataset::{DeviceDataset, Schedule};
use crate::gan::interval::Interval;
use crate::gan::{Gan, Metrics};
use crate::run;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::run::journal::{ERROR, Journal};
use crate::run::lock::RunLock;
use crate::text::with_causes;
use crate::train::health::Health;
use crate::train::observer::Observer;
use crate::train::ranks::Leader;
use crate::train::{Error, Result};
use fixed_samples::FixedSamples;
pub use setup::{
    TrainingImages, build, expect_same_images, expect_same_training, restore, restore_to_branch,
    schedule,
};

/// The minimum time between two checkpoints if no interval is configured.
const MIN_CHECKPOINT_TIME: Duration = Duration::from_secs(60);

/// A training run: networks, data set and run folder.
pub struct Trainer<D: Device> {
    config: Config,
    gan: Gan<D>,
    images: DeviceDataset<D>,
    run: RunDir,
    _lock: RunLock,
    journal: Journal,
    /// TensorBoard's event file; none if disabled.
    events: Option<EventFile>,
    fixed: FixedSamples<D>,
    health: Health,
    /// The other ranks, if there are any: this is rank 0.
    leader: Option<Leader>,
    /// Computes scores; none if disabled.
    evaluator: Option<Box<dyn Evaluate<D>>>,
    data_checksum: u32,
    /// Statistics of the real images.
    data_stats: ImageStats,
    /// Warnings that were not reported yet: parts of the run that are missing or cannot be written.
    pending_warnings: Vec<String>,
    /// Whether a picture could not be written.
    picture_failed: bool,
    /// Training time before this process, and the start of this process's training; pauses move the
    /// start forward.
    clock: (f64, Instant),
    /// Iterations before this process.
    first_iteration: u32,
    /// When the last checkpoint was written.
    saved: Instant,
}

/// How training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All iterations are done.
    Finished,
    /// Training was asked to stop; a checkpoint was written.
    Stopped,
}

impl<D: Device> Trainer<D> {
    /// Trains to the end of the run, or to the end of the iteration in which `stop` becomes true.
    /// Pass `&mut ()` if you need no observer.
    ///
    /// # Errors
    /// [`Error::Ended`], with its cause, when a loss is NaN or infinite, the device fails or the
    /// run folder cannot be written. Checkpoints remain.
    #[inline(never)]
    pub fn train(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<Outcome> {
        let outcome = self.iterate_to_end(observer, stop).map_err(|error| self.cause(error));
        if let Err(error) = &outcome {
            self.save_after_error(error, observer);
            let message = with_causes(error).replace('\n', " ");
            // Fails again if the log cannot be written.
            let _ = self.journal.append_log(&format!("{ERROR}{message}"));
        }
        outcome.map_err(|error| Error::Ended {
            iteration: self.gan.completed(),
            checkpoint: self.run.newest_checkpoint().ok().map(|done| self.run.checkpoint(done)),
            source: Box::new(error),
        })
    }

    /// Tries to write a checkpoint after an error that does not affect the networks: a file that
    /// could not be written.
    fn save_after_error(&mut self, error: &Error, observer: &mut dyn Observer) {
        let newest = self.run.newest_checkpoint().unwrap_or(0);
        let ahead = u64::from(self.gan.completed()) > newest;
        if ahead
            && matches!(error, Error::Run(run::Error::File(_)))
            && let Ok(path) = self.write_checkpoint()
        {
            observer.wrote(&path);
        }
    }

    fn iterate_to_end(
        &mut self,
        observer: &mut dyn Observer,
        stop: &AtomicBool,
    ) -> Result<Outcome> {
        let schedule = self.images.schedule();
        let (start, total) = (self.gan.completed(), self.total());
        self.clock.1 = Instant::now();
        self.report_warnings(observer);
        if start < total && self.run.sample_iterations()?.is_empty() {
            self.sample(observer)?;
        }
        if start < total {
            self.require_evaluator()?;
            self.evaluate_if_missed(observer)?;
        }
        while self.gan.completed() < total {
            let done = self.gan.completed();
            if done == start || (done as usize).is_multiple_of(schedule.iterations()) {
                let epoch = schedule.epoch(done);
                debug!(epoch, done, total, "shuffled the images");
                self.images.shuffle(self.gan.device(), self.config.seed, epoch)?;
            }
            let rows = schedule.rows(done);
            self.gan.iterate(&self.images, rows);
            let progress = schedule.progress(self.gan.completed(), total);
            let last = progress.iteration.0 == total;
            // Alone, a rank may read its losses after every iteration.
            let (reads, stopped) = self.meet(stop.load(Ordering::Relaxed), last)?;
            if stopped {
                observer.stopping();
            }
            let requested = !stopped && observer.iteration(progress, rows);
            let show = last || requested && reads;
            let log = last || self.log_is_due(progress.iteration.0);
            let save = last || stopped || reads && self.checkpoint_is_due();
            // Scores take long: a run that is asked to stop computes them when it is resumed.
            let evaluate = !stopped && self.evaluation_is_due();
            let met = reads && self.leader.is_some();
            if show || log || save || evaluate || met || self.ring_is_full() {
                let metrics = self.check_health(observer)?;
                if show {
                    observer.losses(progress, &metrics);
                }
                if log {
                    self.log(observer, progress, &metrics)?;
                }
            }
            if last || self.is_due(self.config.sample_interval) {
                self.sample(observer)?;
            }
            if evaluate {
                self.evaluate(observer)?;
            }
            if save || evaluate && self.is_best()? {
                self.save(observer)?;
            }
            self.report_warnings(observer);
            if stopped {
                return Ok(Outcome::Stopped);
            }
        }
        Ok(Outcome::Finished)
    }

    /// Whether the ring buffer of losses must be read before it is overwritten.
    fn ring_is_full(&self) -> bool {
        // The row after the newest may hold values for the next iteration.
        self.gan.completed() - self.health.checked() == RING_ROWS as u32 - 1
    }

    /// Checks all iterations since the last check. Returns the metrics of the newest.
    fn check_health(&mut self, observer: &mut dyn Observer) -> Result<Metrics> {
        let completed = self.gan.completed();
        let unchecked = self.health.checked() + 1..=completed;
        let recent = match &mut self.leader {
            None => self.gan.metrics_of(unchecked.clone())?,
            Some(leader) => leader.take(),
        };
        for (iteration, metrics) in unchecked.zip(&recent) {
            if let Some(warning) = self.health.check(metrics)? {
                self.warn(observer, iteration, &warning)?;
            }
        }
        match (recent.last(), &self.leader) {
            (Some(&newest), _) => Ok(newest),
            (None, None) => Ok(self.gan.metrics(completed)?),
            (None, Some(leader)) => Ok(Metrics::of_row(leader.newest())),
        }
    }

    /// Reports the pending warnings. Errors are ignored, as the log's disk may be full.
    fn report_warnings(&mut self, observer: &mut dyn Observer) {
        for warning in std::mem::take(&mut self.pending_warnings) {
            let _ = self.warn(observer, self.gan.completed(), &warning);
        }
    }

    fn warn(&mut self, observer: &mut dyn Observer, iteration: u32, message: &str) -> Result<()> {
        let message = format!("warning: after iteration {iteration}: {message}");
        observer.warning(&message);
        Ok(self.journal.append_log(&message)?)
    }

    /// Iterations of the whole run.
    pub fn total(&self) -> u32 {
        self.config.total(self.schedule())
    }

    /// Whether the losses have exploded and not recovered, so that the weights are useless.
    pub fn has_diverged(&self) -> bool {
        self.health.has_diverged()
    }

    /// The networks.
    pub fn gan(&self) -> &Gan<D> {
        &self.gan
    }

    /// The run's folder.
    pub fn run(&self) -> &RunDir {
        &self.run
    }

    /// How the data set is divided into batches.
    pub fn schedule(&self) -> Schedule {
        self.images.schedule()
    }

    fn is_due(&self, interval: Interval) -> bool {
        self.gan.completed().is_multiple_of(self.iterations_of(interval))
    }

    fn iterations_of(&self, interval: Interval) -> u32 {
        match interval {
            Interval::Iterations(every) => every.get(),
            Interval::Epoch => self.images.schedule().iterations() as u32,
        }
    }

    fn log_is_due(&self, iteration: u32) -> bool {
        iteration.is_multiple_of(self.config.log_interval)
    }

    fn checkpoint_is_due(&self) -> bool {
        match self.config.checkpoint_interval {
            Some(interval) => self.is_due(interval),
            None => self.is_due(Interval::Epoch) && self.saved.elapsed() >= MIN_CHECKPOINT_TIME,
        }
    }

    fn seconds(&self) -> f64 {
        self.clock.0 + self.clock.1.elapsed().as_secs_f64()
    }
}

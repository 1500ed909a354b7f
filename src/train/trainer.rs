//! The training loop: next batch, iteration, log, sample, score, save.

mod fixed_samples;
mod outputs;
mod scores;
mod setup;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tracing::debug;

use crate::device::Device;
use crate::device::ops::RING_ROWS;
use crate::eval::trend::Evaluate;
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
use crate::train::{Error, Result};
use fixed_samples::FixedSamples;
pub use setup::{
    build, expect_same_images, expect_same_training, restore, restore_to_branch, schedule,
};

/// The shortest time between two checkpoints where no interval was asked for.
const CHECKPOINT_PACE: Duration = Duration::from_secs(60);

/// A run: networks, data and a folder.
pub struct Trainer<D: Device> {
    config: Config,
    gan: Gan<D>,
    images: DeviceDataset<D>,
    run: RunDir,
    _lock: RunLock,
    journal: Journal,
    /// None where TensorBoard is not wanted.
    events: Option<EventFile>,
    fixed: FixedSamples<D>,
    health: Health,
    /// None where scores are not wanted.
    evaluator: Option<Box<dyn Evaluate<D>>>,
    /// Checksum of the data set.
    data: u32,
    /// What its images are like.
    data_stats: ImageStats,
    /// What is missing of the run, or could not be written, and nobody has been told of.
    remarks: Vec<String>,
    /// Whether a picture could not be written.
    without_pictures: bool,
    /// Training time before this process, and when this one began, moved on by what was no training.
    clock: (f64, Instant),
    /// Iterations before this process.
    begun: u32,
    saved: Instant,
}

/// How a run's training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// All iterations are done.
    Finished,
    /// It was asked to stop; a checkpoint holds what was done.
    Stopped,
}

impl<D: Device> Trainer<D> {
    /// Trains to the end of the run, or to the end of the iteration in which `stop` becomes true.
    /// Who does not watch passes `&mut ()`.
    ///
    /// # Errors
    /// [`Error::Ended`], with its cause, when a loss is no number, the device fails or the
    /// run folder cannot be written; what was saved stays.
    pub fn train(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<End> {
        let end = self.iterate_to_end(observer, stop);
        if let Err(error) = &end {
            self.rescue(error, observer);
            let words = with_causes(error).replace('\n', " ");
            // The error itself may be that the log cannot be written.
            let _ = self.journal.append_log(&format!("{ERROR}{words}"));
        }
        end.map_err(|error| Error::Ended {
            iteration: self.gan.completed(),
            checkpoint: self.run.newest_checkpoint().ok().map(|done| self.run.checkpoint(done)),
            source: Box::new(error),
        })
    }

    /// Saves what would be lost with an error that says nothing against the networks: that a file
    /// could not be written. There may be room for a checkpoint, or there may not.
    fn rescue(&mut self, error: &Error, observer: &mut dyn Observer) {
        let newest = self.run.newest_checkpoint().unwrap_or(0);
        let ahead = u64::from(self.gan.completed()) > newest;
        if ahead
            && matches!(error, Error::Run(run::Error::File(_)))
            && let Ok(path) = self.write_checkpoint()
        {
            observer.wrote(&path);
        }
    }

    fn iterate_to_end(&mut self, observer: &mut dyn Observer, stop: &AtomicBool) -> Result<End> {
        let schedule = self.images.schedule();
        let (start, total) = (self.gan.completed(), self.total());
        self.clock.1 = Instant::now();
        self.tell_remarks(observer);
        if start < total && self.run.sample_iterations()?.is_empty() {
            self.sample(observer)?;
        }
        if start < total {
            self.expect_evaluator()?;
            self.catch_up(observer)?;
        }
        while self.gan.completed() < total {
            let done = self.gan.completed();
            if done == start || (done as usize).is_multiple_of(schedule.iterations()) {
                let epoch = schedule.epoch(done);
                debug!(epoch, done, total, "a new order of images");
                self.images.shuffle(self.gan.device(), self.config.seed, epoch)?;
            }
            let rows = schedule.rows(done);
            self.gan.iterate(&self.images, rows);
            let progress = schedule.progress(self.gan.completed(), total);
            let last = progress.iteration.0 == total;
            let stopped = !last && stop.load(Ordering::Relaxed);
            if stopped {
                observer.stopping();
            }
            let due = !stopped && observer.iteration(progress, rows);
            let show = last || due;
            let log = last || progress.iteration.0.is_multiple_of(self.config.log_interval);
            let save = last || stopped || self.checkpoint_is_due();
            // Scores take their time, and whoever stops a run has none: they are caught up on.
            let evaluate = !stopped && self.evaluation_is_due();
            if show || log || save || evaluate || self.watch_is_due() {
                let metrics = self.watch(observer)?;
                if show {
                    observer.losses(progress, &metrics);
                }
                if log {
                    self.log(progress, &metrics)?;
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
            self.tell_remarks(observer);
            if stopped {
                return Ok(End::Stopped);
            }
        }
        Ok(End::Finished)
    }

    /// The ring of losses must be read before it is written over.
    fn watch_is_due(&self) -> bool {
        self.gan.completed() - self.health.seen() == RING_ROWS as u32
    }

    /// Looks at all iterations since the last time; answers with the newest one's losses.
    fn watch(&mut self, observer: &mut dyn Observer) -> Result<Metrics> {
        let completed = self.gan.completed();
        let unseen = self.health.seen() + 1..=completed;
        let recent = self.gan.metrics_of(unseen.clone())?;
        for (iteration, metrics) in unseen.zip(&recent) {
            if let Some(words) = self.health.look(metrics)? {
                self.warn(observer, iteration, &words)?;
            }
        }
        Ok(recent.last().map_or_else(|| self.gan.metrics(completed), |&newest| Ok(newest))?)
    }

    /// Passes on what nobody has been told of; the log may be where there is no room.
    fn tell_remarks(&mut self, observer: &mut dyn Observer) {
        for remark in std::mem::take(&mut self.remarks) {
            let _ = self.warn(observer, self.gan.completed(), &remark);
        }
    }

    fn warn(&mut self, observer: &mut dyn Observer, iteration: u32, words: &str) -> Result<()> {
        let words = format!("warning: after iteration {iteration}: {words}");
        observer.warning(&words);
        Ok(self.journal.append_log(&words)?)
    }

    /// Iterations after which the run ends.
    pub fn total(&self) -> u32 {
        self.config.total(self.schedule())
    }

    /// Whether the losses of the last iteration are absurd, and what was learnt of no use.
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

    /// How the data set is cut into batches.
    pub fn schedule(&self) -> Schedule {
        self.images.schedule()
    }

    fn is_due(&self, interval: Interval) -> bool {
        let every = match interval {
            Interval::Iterations(every) => every.get(),
            Interval::Epoch => self.images.schedule().iterations() as u32,
        };
        self.gan.completed().is_multiple_of(every)
    }

    fn checkpoint_is_due(&self) -> bool {
        match self.config.checkpoint_interval {
            Some(interval) => self.is_due(interval),
            None => self.is_due(Interval::Epoch) && self.saved.elapsed() >= CHECKPOINT_PACE,
        }
    }

    fn seconds(&self) -> f64 {
        self.clock.0 + self.clock.1.elapsed().as_secs_f64()
    }
}

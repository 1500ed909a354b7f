//! Scores of a run's generator during training, and the best checkpoint by them.
//!
//! Scores are stored in `stats.jsonl` only, which is truncated when a run is resumed.

use std::time::Instant;

use super::Trainer;
use crate::device::Device;
use crate::eval::evaluate::Evaluate;
use crate::formats::stats::{Measure, ScoreEntry, best, read_scores};
use crate::run::journal::score_line;
use crate::train::observer::Observer;
use crate::train::{Error, Result};

impl<D: Device> Trainer<D> {
    /// Sets the evaluator, an [`Evaluator`](crate::eval::Evaluator) or your own type, which scores
    /// the generator every [`evaluate_interval`](crate::run::config::Config::evaluate_interval).
    pub fn evaluate_with(&mut self, evaluator: impl Evaluate<D> + 'static) {
        self.evaluator = Some(Box::new(evaluator));
    }

    /// The run's best score, by the measure that [is displayed](Measure::displayed); `None` without scores.
    /// If the run keeps its best checkpoint (`keep_best`), it is the best by that measure among the
    /// scores whose checkpoint exists, or which are those of the current generator: there may have
    /// been better scores before `keep_best` was set.
    ///
    /// # Errors
    /// When `stats.jsonl` cannot be read, or the run folder cannot be listed.
    pub fn best(&self) -> Result<Option<(Measure, ScoreEntry)>> {
        let mut entries = read_scores(&self.run.stats())?;
        if self.config.keep_best.is_some() {
            let mut available = self.run.checkpoints()?;
            available.push(self.gan.completed().into());
            entries.retain(|entry| available.contains(&entry.iteration));
        }
        let measure = self.config.keep_best.unwrap_or_else(|| Measure::displayed(&entries));
        Ok(best(&entries, measure).map(|entry| (measure, *entry)))
    }

    /// The iteration of the best checkpoint, if the run keeps it.
    pub(super) fn best_to_keep(&self) -> Result<Option<u64>> {
        match self.config.keep_best {
            Some(_) => Ok(self.best()?.map(|(_, entry)| entry.iteration)),
            None => Ok(None),
        }
    }

    /// Whether the current generator is the best so far, and the run keeps the best checkpoint.
    pub(super) fn is_best(&self) -> Result<bool> {
        Ok(self.best_to_keep()? == Some(self.gan.completed().into()))
    }

    /// Checks at the start of a run that there is an evaluator if the configuration needs one.
    pub(super) fn require_evaluator(&self) -> Result<()> {
        match self.config.evaluate_interval.is_some() && self.evaluator.is_none() {
            true => Err(Error::NoEvaluator),
            false => Ok(()),
        }
    }

    pub(super) fn evaluation_is_due(&self) -> bool {
        let last = self.gan.completed() == self.total();
        self.config.evaluate_interval.is_some_and(|interval| last || self.is_due(interval))
    }

    /// Scores the generator of a resumed run if its scores were skipped because the run was asked
    /// to stop.
    pub(super) fn evaluate_if_missed(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let done = u64::from(self.gan.completed());
        if done == 0 || !self.evaluation_is_due() {
            return Ok(());
        }
        match read_scores(&self.run.stats())?.last() {
            Some(entry) if entry.iteration == done => Ok(()),
            _ => self.evaluate(observer),
        }
    }

    /// Scores the generator and logs the scores.
    pub(super) fn evaluate(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let evaluator = self.evaluator.as_mut().ok_or(Error::NoEvaluator)?;
        let start = Instant::now();
        let scores = evaluator.evaluate(&mut self.gan)?;
        // Scoring does not count as training time.
        self.clock.1 += start.elapsed();
        let iteration = self.gan.completed();
        self.journal.append_log(&score_line(iteration, &scores))?;
        self.journal.append_stats(&ScoreEntry { iteration: iteration.into(), scores })?;
        let numbers = scores.named().map(|(name, score)| (name, score as f32));
        self.event(|events| events.scalars(iteration, numbers));
        observer.scores(iteration, &scores);
        Ok(())
    }
}

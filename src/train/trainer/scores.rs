//! How good a run's generator is, from time to time, and which of its checkpoints is the best.
//!
//! All that is remembered of scores is the lines of `stats.jsonl`, which is cut where a run goes on.

use std::time::Instant;

use super::Trainer;
use crate::device::Device;
use crate::eval::trend::Evaluate;
use crate::formats::stats::{Measure, ScoreEntry, best, read_scores};
use crate::run::journal::score_line;
use crate::train::observer::Observer;
use crate::train::{Error, Result};

impl<D: Device> Trainer<D> {
    /// Has the generator scored, by the engine's [`Evaluator`](crate::eval::Evaluator) or another, as
    /// often as [`evaluate_interval`](crate::run::config::Config::evaluate_interval) says.
    pub fn evaluate_with(&mut self, evaluator: impl Evaluate<D> + 'static) {
        self.evaluator = Some(Box::new(evaluator));
    }

    /// The best of the run's scores, by what a run [is shown by](Measure::displayed); none where there are
    /// no scores. Of a run that keeps its best checkpoint, by what that is chosen by, and of those
    /// whose checkpoint is there or whose generator is the present one: it may have been better
    /// before it was told to keep any.
    ///
    /// # Errors
    /// When `stats.jsonl` cannot be read, or the run folder cannot be listed.
    pub fn best(&self) -> Result<Option<(Measure, ScoreEntry)>> {
        let mut records = read_scores(&self.run.stats())?;
        if self.config.keep_best.is_some() {
            let mut there = self.run.checkpoints()?;
            there.push(self.gan.completed().into());
            records.retain(|record| there.contains(&record.iteration));
        }
        let measure = self.config.keep_best.unwrap_or_else(|| Measure::displayed(&records));
        Ok(best(&records, measure).map(|record| (measure, *record)))
    }

    /// The iteration whose checkpoint is kept because it is the best.
    pub(super) fn best_to_keep(&self) -> Result<Option<u64>> {
        match self.config.keep_best {
            Some(_) => Ok(self.best()?.map(|(_, record)| record.iteration)),
            None => Ok(None),
        }
    }

    /// Whether the generator as it is now is the best that has been, and to be kept.
    pub(super) fn is_best(&self) -> Result<bool> {
        Ok(self.best_to_keep()? == Some(self.gan.completed().into()))
    }

    /// Makes sure that a run that is to be scored is told so at its beginning.
    pub(super) fn expect_evaluator(&self) -> Result<()> {
        match self.config.evaluate_interval.is_some() && self.evaluator.is_none() {
            true => Err(Error::NoEvaluator),
            false => Ok(()),
        }
    }

    pub(super) fn evaluation_is_due(&self) -> bool {
        let last = self.gan.completed() == self.total();
        self.config.evaluate_interval.is_some_and(|interval| last || self.is_due(interval))
    }

    /// Scores the generator that a run goes on with, where that was due and put off because the run
    /// was to stop.
    pub(super) fn catch_up(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let done = u64::from(self.gan.completed());
        if done == 0 || !self.evaluation_is_due() {
            return Ok(());
        }
        match read_scores(&self.run.stats())?.last() {
            Some(record) if record.iteration == done => Ok(()),
            _ => self.evaluate(observer),
        }
    }

    /// Scores the generator and writes that down.
    pub(super) fn evaluate(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let evaluator = self.evaluator.as_mut().ok_or(Error::NoEvaluator)?;
        let begun = Instant::now();
        let scores = evaluator.evaluate(&mut self.gan)?;
        // The clock of training stands still meanwhile.
        self.clock.1 += begun.elapsed();
        let iteration = self.gan.completed();
        self.journal.append_log(&score_line(iteration, &scores))?;
        self.journal.append_stats(&ScoreEntry { iteration: iteration.into(), scores })?;
        let numbers = scores.named().map(|(name, score)| (name, score as f32));
        self.event(|events| events.scalars(iteration, numbers));
        observer.scores(iteration, &scores);
        Ok(())
    }
}

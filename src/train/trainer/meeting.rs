//! Rank 0's part in a run on several ranks.

use std::sync::Arc;

use super::Trainer;
use crate::device::Device;
use crate::device::ops::RING_ROWS;
use crate::gan::interval::Interval;
use crate::group::Group;
use crate::train::ranks::{self, Leader};
use crate::train::{Error, Result};

impl<D: Device> Trainer<D> {
    /// Trains together with other ranks, which follow: gives them the networks.
    ///
    /// # Errors
    /// When the device fails, or another rank fails or is lost.
    #[inline(never)]
    pub fn lead(&mut self, group: Arc<Group>) -> Result<()> {
        ranks::share_state(&mut self.gan, &group)?;
        group.broadcast(self.run.path().display().to_string().into_bytes())?;
        self.leader = Some(Leader::new(group, self.gan.completed()));
        Ok(())
    }

    /// After an iteration: whether losses may be read now, and whether the run stops here, of which it may
    /// be the `last`. With other ranks, both are so only when all of them meet.
    pub(super) fn meet(&mut self, asked: bool, last: bool) -> Result<(bool, bool)> {
        let completed = self.gan.completed();
        let Some(leader) = &mut self.leader else { return Ok((true, asked && !last)) };
        if !leader.meets_after(completed) {
            return Ok((false, false));
        }
        let stopped = leader.hear(&self.gan, self.health.checked(), asked)? && !last;
        let latest = self.latest_meeting();
        if let Some(leader) = &mut self.leader {
            leader.decide(completed, stopped, latest)?;
        }
        Ok((true, stopped))
    }

    /// The iteration after which the ranks must meet again: when losses are needed, at the latest.
    fn latest_meeting(&self) -> u32 {
        let completed = self.gan.completed();
        let config = &self.config;
        let intervals = [config.checkpoint_interval, config.evaluate_interval];
        let intervals = intervals.into_iter().flatten().chain([Interval::Epoch]);
        let due = intervals.map(|interval| self.iterations_of(interval));
        let next = |every: u32| (completed / every + 1).saturating_mul(every);
        let first = due.chain([config.log_interval]).map(next).min();
        // The ring buffer has one row for the next iteration.
        let full = completed.saturating_add(RING_ROWS as u32 - 1);
        first.unwrap_or(full).min(full).min(self.total())
    }

    /// The reason of an error: the loss of another rank, if that is what it comes from.
    pub(super) fn cause(&self, error: Error) -> Error {
        match (&self.leader, error) {
            (Some(leader), Error::Device(error)) => ranks::cause(leader.group(), error),
            (_, error) => error,
        }
    }
}

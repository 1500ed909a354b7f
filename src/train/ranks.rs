//! A run on several ranks: what they tell each other between iterations.
//!
//! Every rank trains on its share of each batch. Rank 0 alone has the run folder, samples, scores and
//! saves. After some iterations, which rank 0 chooses so that there are a few of them in a second, all
//! ranks meet: each one reports the metrics of its shares and whether it was asked to stop, and rank 0
//! answers whether to stop, and after which iteration to meet next.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::device::cuda::{COMMUNICATING, CudaProblem};
use crate::device::ops::RING_COLUMNS;
use crate::device::{self, Device};
use crate::gan::{Gan, Metrics};
use crate::group::{Group, GroupError};
use crate::train::{Error, Result};

/// About the time between two meetings.
const BETWEEN_MEETINGS: Duration = Duration::from_millis(250);
/// How long after a failure of communication the loss of another rank may become known, and after other
/// failures of a device, which it may cause too.
const UNTIL_LOSS_IS_KNOWN: [Duration; 2] = [Duration::from_secs(30), Duration::from_secs(2)];

/// The metrics of an iteration, as numbers.
type Row = [f64; RING_COLUMNS];

/// Rank 0's side of the meetings.
pub(super) struct Leader {
    group: Arc<Group>,
    /// The iteration after which the ranks meet next.
    next: u32,
    /// The iteration of the last meeting, and when it was.
    met: (u32, Instant),
    /// Metrics over all ranks of the iterations since the last check, and of the newest.
    recent: Vec<Row>,
    newest: Row,
}

impl Leader {
    /// Before the first iteration, after `completed` ones.
    pub(super) fn new(group: Arc<Group>, completed: u32) -> Self {
        let met = (completed, Instant::now());
        Self { group, next: completed + 1, met, recent: Vec::new(), newest: [0.0; RING_COLUMNS] }
    }

    /// The other ranks.
    pub(super) fn group(&self) -> &Group {
        &self.group
    }

    /// Whether the ranks meet after this iteration.
    pub(super) fn meets_after(&self, iteration: u32) -> bool {
        iteration == self.next
    }

    /// Collects the metrics of all ranks since iteration `checked`. Returns whether one was asked to stop.
    pub(super) fn hear<D: Device>(
        &mut self,
        gan: &Gan<D>,
        checked: u32,
        asked: bool,
    ) -> Result<bool> {
        let own = Report { rows: gan.rows_of(checked + 1..=gan.completed())?, asked };
        let mut all = Report { rows: vec![[0.0; RING_COLUMNS]; own.rows.len()], asked: false };
        for report in self.group.gather(own.to_bytes())? {
            all.add(&Report::from_bytes(&report));
        }
        self.newest = all.rows.last().copied().unwrap_or(self.newest);
        self.recent = all.rows;
        Ok(all.asked)
    }

    /// Tells all ranks whether to stop, and when to meet next: after about the same time again, but not
    /// after `latest`.
    pub(super) fn decide(&mut self, completed: u32, stop: bool, latest: u32) -> Result<()> {
        let (last, met) = self.met;
        let rate = f64::from(completed - last) / met.elapsed().as_secs_f64().max(1e-6);
        self.met = (completed, Instant::now());
        let ahead = (rate * BETWEEN_MEETINGS.as_secs_f64()).clamp(1.0, 1e6) as u32;
        self.next = completed.saturating_add(ahead).min(latest);
        let decision = Decision { stop, next: self.next };
        self.group.broadcast(decision.to_bytes())?;
        Ok(())
    }

    /// The metrics since the last check, of all ranks together.
    pub(super) fn take(&mut self) -> Vec<Metrics> {
        std::mem::take(&mut self.recent).iter().map(|row| Metrics::of_row(row)).collect()
    }

    /// The newest metrics, of all ranks together.
    pub(super) fn newest(&self) -> &Row {
        &self.newest
    }
}

/// What a rank reports at a meeting.
pub(super) struct Report {
    /// The metrics of its shares since the last meeting.
    pub(super) rows: Vec<Row>,
    /// Whether it was asked to stop.
    pub(super) asked: bool,
}

impl Report {
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.rows.as_flattened().iter().flat_map(|number| number.to_le_bytes());
        [u8::from(self.asked)].into_iter().chain(numbers).collect()
    }

    fn from_bytes(bytes: &[u8]) -> Self {
        let (asked, numbers) = bytes.split_first().unwrap_or((&0, &[]));
        let numbers: Vec<_> =
            numbers.as_chunks().0.iter().map(|&one| f64::from_le_bytes(one)).collect();
        Self { rows: numbers.as_chunks().0.to_vec(), asked: *asked != 0 }
    }

    fn add(&mut self, other: &Self) {
        self.asked |= other.asked;
        let pairs = self.rows.as_flattened_mut().iter_mut().zip(other.rows.as_flattened());
        pairs.for_each(|(sum, number)| *sum += number);
    }
}

/// What rank 0 answers.
pub(super) struct Decision {
    pub(super) stop: bool,
    pub(super) next: u32,
}

impl Decision {
    fn to_bytes(&self) -> Vec<u8> {
        [&[u8::from(self.stop)][..], &self.next.to_le_bytes()].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Self {
        let [stop, a, b, c, d] = *bytes.first_chunk().unwrap_or(&[1, 0, 0, 0, 0]);
        Self { stop: stop != 0, next: u32::from_le_bytes([a, b, c, d]) }
    }
}

/// Gives rank 0's networks, and how far they are trained, to all ranks.
///
/// # Errors
/// When the device fails, or another rank fails or is lost.
pub fn share_state<D: Device>(gan: &mut Gan<D>, group: &Group) -> Result<()> {
    let completed = group.broadcast(gan.completed().to_le_bytes().to_vec())?;
    let completed = u32::from_le_bytes(*completed.first_chunk().unwrap_or(&[0; 4]));
    gan.share_state(completed).map_err(|error| cause(group, error))?;
    // Nobody ends before all have what they need.
    group.gather(Vec::new())?;
    Ok(())
}

/// Why a device failed: because another rank is lost, if one is.
pub(super) fn cause(group: &Group, error: device::Error) -> Error {
    match loss_behind(group, &error) {
        Some(lost) => Error::Group(lost),
        None => Error::Device(error),
    }
}

/// The loss of another rank that has made a device fail, if there is one.
pub fn loss_behind(group: &Group, error: &device::Error) -> Option<GroupError> {
    let device::Error::Cuda(CudaProblem::Failed { action, .. }) = error else { return None };
    let [long, short] = UNTIL_LOSS_IS_KNOWN;
    group.lost_within(if *action == COMMUNICATING { long } else { short })
}

impl From<GroupError> for Error {
    fn from(error: GroupError) -> Self {
        Error::Group(error)
    }
}

//! Trains as a rank other than 0, without a run folder.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::device::Device;
use crate::gan::Gan;
use crate::gan::dataset::DeviceDataset;
use crate::group::Group;
use crate::run::config::Config;
use crate::run::dir::RunDir;
use crate::train::ranks::{Decision, Report, cause, share_state};
use crate::train::trainer::Outcome;
use crate::train::{Error, Result};

/// Trains as a rank other than 0, from rank 0's state to the end of the run or until the ranks stop.
///
/// # Errors
/// When the device fails, or another rank fails or is lost.
#[inline(never)]
pub fn follow<D: Device>(
    config: &Config,
    gan: &mut Gan<D>,
    mut images: DeviceDataset<D>,
    group: &Group,
    stop: &AtomicBool,
) -> Result<Outcome> {
    share_state(gan, group)?;
    let run = String::from_utf8_lossy(&group.broadcast(Vec::new())?).into_owned();
    let outcome = follow_to_end(config, gan, &mut images, group, stop);
    outcome.map_err(|error| {
        let source = match error {
            Error::Device(error) => cause(group, error),
            other => other,
        };
        let folder = RunDir::open(Path::new(&run)).ok();
        let newest =
            folder.and_then(|(run, _)| Some(run.checkpoint(run.newest_checkpoint().ok()?)));
        let (iteration, source) = (gan.completed(), Box::new(source));
        Error::Followed { run, iteration, checkpoint: newest, source }
    })
}

fn follow_to_end<D: Device>(
    config: &Config,
    gan: &mut Gan<D>,
    images: &mut DeviceDataset<D>,
    group: &Group,
    stop: &AtomicBool,
) -> Result<Outcome> {
    let (schedule, start) = (images.schedule(), gan.completed());
    let total = config.total(schedule);
    let (mut next, mut reported) = (start + 1, start);
    while gan.completed() < total {
        let done = gan.completed();
        if done == start || (done as usize).is_multiple_of(schedule.iterations()) {
            images.shuffle(gan.device(), config.seed, schedule.epoch(done))?;
        }
        gan.iterate(images, schedule.rows(done));
        let completed = gan.completed();
        if completed != next {
            continue;
        }
        let rows = gan.rows_of(reported + 1..=completed)?;
        group.gather(Report { rows, asked: stop.load(Ordering::Relaxed) }.to_bytes())?;
        let decision = Decision::from_bytes(&group.broadcast(Vec::new())?);
        if decision.stop {
            return Ok(Outcome::Stopped);
        }
        (next, reported) = (decision.next, completed);
    }
    Ok(Outcome::Finished)
}

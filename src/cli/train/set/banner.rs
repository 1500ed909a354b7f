//! The first lines of a set of runs.

use super::super::banner;
use super::plans::{AtOnce, Origin, Plans};
use crate::cli::display::{print_wrapped, warn};
use crate::device::Device;
use crate::gan::Model;
use crate::gan::dataset::Schedule;
use crate::gan::plan::Plan;
use crate::text::{bytes, counted};

/// Prints device, data, memory, networks and length, after warnings about images.
pub fn print<D: Device>(
    plans: &Plans<'_>,
    device: &D,
    reason: Option<String>,
    sizes: &[(Model, Schedule)],
    at_once: &AtOnce,
) {
    for (_, data) in plans.data_sets.all() {
        warn(data.warnings.iter().cloned().chain(data.quality_warnings()));
    }
    let mut lines = vec![title(plans)];
    lines.extend(banner::device(&device.describe(), reason.as_deref()));
    lines.push(format!("          {}", runs_at_once::<D>(at_once)));
    for (config, data) in plans.data_sets.all() {
        lines.extend(banner::data(config, data));
    }
    lines.push(memory::<D>(sizes, at_once, plans.resident()));
    let networks = sizes.iter().map(|(model, _)| banner::networks(model));
    lines.push(common(networks).unwrap_or("networks  differ between runs".to_owned()));
    let lengths = plans.runs.iter().zip(sizes);
    let lengths = lengths.map(|(run, (_, schedule))| banner::length(&run.config, *schedule));
    lines.extend(common(lengths).unwrap_or(vec!["length    differs between runs".to_owned()]));
    if plans.runs.iter().all(|run| run.config.evaluate_interval.is_none()) {
        lines.push("scores    none; with --evaluate-interval the summary has them".to_owned());
    }
    match plans.args.dry_run {
        true => lines.iter().for_each(|line| print_line!("# {line}")),
        false => lines.iter().for_each(|line| print_wrapped(line)),
    }
}

fn title(plans: &Plans<'_>) -> String {
    let (version, runs) = (env!("CARGO_PKG_VERSION"), counted(plans.runs.len(), "run"));
    match &plans.origin {
        Origin::New { keys, .. } => {
            let preset = &plans.runs[0].config.preset;
            format!("gan-cuda {version}, preset {preset}, {runs} by {}", keys.join(", "))
        }
        Origin::Resumed { complete: 0, .. } => format!("gan-cuda {version}, {runs}"),
        Origin::Resumed { complete, .. } => {
            format!("gan-cuda {version}, {runs}; {complete} more are complete")
        }
    }
}

/// How many runs train at the same time.
fn runs_at_once<D: Device>(AtOnce { threads, wanted }: &AtOnce) -> String {
    let runs = counted(threads.len(), "run");
    let (most, least) = (threads[0], threads[threads.len() - 1]);
    let each = match D::ON_HOST {
        false => "a stream for each".to_owned(),
        true if most == least => format!("{} each", counted(most, "thread")),
        true => format!("{least} or {most} threads each"),
    };
    match threads.len() < *wanted {
        true => format!("{runs} at a time, {each}; more do not fit into memory"),
        false => format!("{runs} at a time, {each}"),
    }
}

fn memory<D: Device>(sizes: &[(Model, Schedule)], at_once: &AtOnce, images: usize) -> String {
    let totals = sizes.iter().map(|(model, _)| Plan::new::<D>(model, 0).total());
    let (largest, runs) = (totals.max().unwrap_or(0), at_once.threads.len());
    format!(
        "memory    {}: {} for each of {}, images {}",
        bytes(largest * runs + images),
        bytes(largest),
        counted(runs, "run"),
        bytes(images)
    )
}

/// What all runs have in common, if they do.
fn common<T: PartialEq>(mut all: impl Iterator<Item = T>) -> Option<T> {
    let first = all.next()?;
    all.all(|other| other == first).then_some(first)
}

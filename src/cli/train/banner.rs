//! The first lines of a run or of a set of runs: device, data, memory, networks, length.

use crate::cli::advice::how_to_get;
use crate::data::{Dataset, Origin, Source};
use crate::gan::dataset::Schedule;
use crate::gan::{Model, Role};
use crate::run::config::Config;
use crate::text::{counted, grouped};

/// Lines about the device and why it was chosen.
pub fn device(description: &str, reason: Option<&str>) -> Vec<String> {
    let line = format!("device    {description}");
    std::iter::once(line).chain(reason.map(|reason| format!("          {reason}"))).collect()
}

/// Lines about the images.
pub fn data(config: &Config, data: &Dataset) -> Vec<String> {
    let mut lines = vec![format!("data      {}", data.summary())];
    if let (Origin::Embedded, Some(Source::Named(kind))) = (&data.origin, &config.dataset) {
        lines.push(format!("          {}", how_to_get(*kind)));
    }
    lines
}

/// A line about the networks.
pub fn networks(model: &Model) -> String {
    let [g, d] = Role::BOTH.map(|role| grouped(model.network(role).parameters() as u64));
    format!("networks  generator {g} parameters, discriminator {d}")
}

/// Lines about iterations and batches.
pub fn length(config: &Config, schedule: Schedule) -> Vec<String> {
    let mut lines = vec![format!(
        "length    {} iterations, {} per epoch, batch size {}",
        config.total(schedule),
        schedule.iterations(),
        schedule.batch_size
    )];
    if schedule.images < schedule.batch_size {
        let images = counted(schedule.images, "image");
        lines.push(format!(
            "          only {images}, fewer than the batch size: each batch has all of them"
        ));
    }
    lines.extend(schedule.dropped().map(|dropped| {
        format!(
            "          the last {dropped} images of each shuffled epoch are dropped (incomplete batch)"
        )
    }));
    let unpacked = schedule.rows(schedule.iterations() as u32 - 1) % config.gan.pack;
    if unpacked > 0 {
        let left = counted(unpacked, "image");
        lines.push(format!("          of each shuffled epoch {left} fill no pack"));
    }
    lines
}

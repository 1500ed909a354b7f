//! The summary of a set of runs.

use crate::formats::files::write_atomic;
use crate::run::overview::Overview;
use crate::run::set::RunSet;
use crate::run::set::summary::{self, Best};
use crate::text::folder_name;
use crate::train::Result;
#[cfg(feature = "plot")]
use crate::{
    formats::stats::{Stats, read_stats},
    picture::plot::set::{Seeds, write_set_plot},
};

/// Writes `summary.md` and `summary.png` from what the runs have written so far. Returns the best run, if
/// there are scores.
///
/// # Errors
/// When a file cannot be read or written.
pub fn write_summary(set: &RunSet) -> Result<Option<Best>> {
    let overviews: Vec<_> = set.members().iter().map(|member| Overview::of(&member.run)).collect();
    let title = format!("{}: {} runs", folder_name(set.path()), set.members().len());
    let text = summary::markdown(set, &title, &overviews);
    write_atomic(&set.summary(), text.as_bytes())?;
    #[cfg(feature = "plot")]
    plot(set, &title)?;
    Ok(summary::best(set, &overviews))
}

#[cfg(feature = "plot")]
fn plot(set: &RunSet, title: &str) -> Result<()> {
    let mut all: Vec<(String, Stats)> = Vec::new();
    for member in set.members().iter().filter(|member| member.run.stats().is_file()) {
        all.push((set.setting(member), read_stats(&member.run.stats())?));
    }
    let settings = summary::settings(set);
    let settings: Vec<_> = settings
        .iter()
        .map(|label| {
            let own = all.iter().filter(|(setting, _)| setting == label);
            Seeds { label, runs: own.map(|(_, stats)| stats).collect() }
        })
        .collect();
    Ok(write_set_plot(&set.plot(), &settings, title)?)
}

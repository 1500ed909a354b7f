//! `summary.md`: a table of a set's runs with the mean and the standard deviation of each column, and
//! the best run.
//!
//! Only runs that neither failed nor diverged count for mean and standard deviation. The standard
//! deviation is that of a sample (divided by the number of runs − 1).

use std::fmt::Write;
use std::path::PathBuf;

use super::RunSet;
use crate::formats::stats::{Measure, ScoreEntry};
use crate::run::overview::{Overview, State};
use crate::text::{grouped, significant};

/// A column of numbers.
struct Column {
    title: &'static str,
    of: fn(&Overview) -> Option<f64>,
}

/// The columns, of which those without numbers are left out.
const COLUMNS: [Column; 7] = [
    Column { title: "D loss", of: |run| Some(run.losses?.d_loss.into()) },
    Column { title: "G loss", of: |run| Some(run.losses?.g_loss.into()) },
    Column { title: "FCD", of: |run| run.scores?.scores.by(Measure::Fcd) },
    Column { title: "best FCD", of: |run| run.best_scores?.scores.by(Measure::Fcd) },
    Column { title: "KID", of: |run| run.scores?.scores.by(Measure::Kid) },
    Column {
        title: "class fidelity, %",
        of: |run| Some(100.0 * run.scores?.scores.class_fidelity?),
    },
    Column { title: "modes", of: |run| Some(run.scores?.scores.modes? as f64) },
];

/// The text of `summary.md`; `overviews` are those of the set's runs.
pub fn markdown(set: &RunSet, title: &str, overviews: &[Overview]) -> String {
    let finished = overviews.iter().filter(|run| run.state == State::Finished).count();
    let columns: Vec<_> = COLUMNS
        .iter()
        .filter(|column| overviews.iter().any(|run| (column.of)(run).is_some()))
        .collect();
    let mut text =
        format!("# {title}\n\n{finished} of {} runs have finished.\n\n", overviews.len());
    runs(&mut text, set, &columns, overviews);
    if let Some(Best { measure, score, iteration, label, checkpoint }) = best(set, overviews) {
        let kept = checkpoint.map_or(String::new(), |path| format!(": `{}`", path.display()));
        let (measure, score) = (measure.name(), significant(score));
        let _ = write!(
            text,
            "\nThe best by {measure} is {label}, with {score} after iteration {}{kept}.\n",
            grouped(iteration)
        );
    }
    by_setting(&mut text, set, &columns, overviews);
    text
}

/// The table of all runs.
fn runs(text: &mut String, set: &RunSet, columns: &[&Column], overviews: &[Overview]) {
    let titles: Vec<_> = columns.iter().map(|column| column.title).collect();
    row(text, "run", ["state", "iterations"].iter().chain(&titles));
    row(text, "---", std::iter::repeat_n("---:", titles.len() + 2));
    for (member, run) in set.members().iter().zip(overviews) {
        let numbers = columns.iter().map(|column| shown((column.of)(run)));
        let state = if run.diverged { "diverged".to_owned() } else { run.state.to_string() };
        row(text, &set.label(member), [state, grouped(run.iteration)].into_iter().chain(numbers));
    }
    let counted: Vec<_> = overviews.iter().filter(|run| counts(run)).collect();
    for (name, statistic) in
        [("mean", mean as fn(&[f64]) -> Option<f64>), ("standard deviation", deviation)]
    {
        let of_column = |column: &&Column| {
            let values: Vec<f64> = counted.iter().filter_map(|run| (column.of)(run)).collect();
            shown(statistic(&values))
        };
        let none = [String::new(), String::new()];
        row(text, name, none.into_iter().chain(columns.iter().map(of_column)));
    }
}

/// The table of settings with several runs each, which differ in their seeds.
fn by_setting(text: &mut String, set: &RunSet, columns: &[&Column], overviews: &[Overview]) {
    let settings = settings(set);
    if settings.len() < 2 || settings.len() == set.members().len() {
        return;
    }
    text.push_str("\nMean ± standard deviation over the seeds:\n\n");
    row(text, "setting", std::iter::once("runs").chain(columns.iter().map(|column| column.title)));
    row(text, "---", std::iter::repeat_n("---:", columns.len() + 1));
    for setting in settings {
        let own = set.members().iter().zip(overviews);
        let own: Vec<_> = own
            .filter(|(member, run)| set.setting(member) == setting && counts(run))
            .map(|(_, run)| run)
            .collect();
        let of_column = |column: &&Column| {
            let values: Vec<f64> = own.iter().filter_map(|run| (column.of)(run)).collect();
            match deviation(&values) {
                Some(deviation) => format!("{} ± {}", shown(mean(&values)), significant(deviation)),
                None => shown(mean(&values)),
            }
        };
        let count = own.len().to_string();
        row(text, &setting, std::iter::once(count).chain(columns.iter().map(of_column)));
    }
}

/// The settings of a set without seeds, each once, in order.
pub fn settings(set: &RunSet) -> Vec<String> {
    let mut settings = Vec::new();
    for setting in set.members().iter().map(|member| set.setting(member)) {
        if !settings.contains(&setting) {
            settings.push(setting);
        }
    }
    settings
}

/// Whether a run counts for the mean.
fn counts(run: &Overview) -> bool {
    !run.diverged && ![State::Failed, State::Damaged].contains(&run.state)
}

/// The best run of a set.
pub struct Best {
    /// FCD if there is one, else KID.
    pub measure: Measure,
    /// Its lowest value.
    pub score: f64,
    /// When it was measured.
    pub iteration: u64,
    /// The settings of the run that differ.
    pub label: String,
    /// The checkpoint of that iteration, if it was kept.
    pub checkpoint: Option<PathBuf>,
}

/// The run with the best score, if there are scores.
pub fn best(set: &RunSet, overviews: &[Overview]) -> Option<Best> {
    let all: Vec<ScoreEntry> = overviews.iter().filter_map(|run| run.best_scores).collect();
    let measure = Measure::displayed(&all);
    let scored = set.members().iter().zip(overviews).filter_map(|(member, run)| {
        let entry = run.best_scores?;
        Some((entry.scores.by(measure)?, entry.iteration, member))
    });
    let (score, iteration, member) = scored.min_by(|a, b| a.0.total_cmp(&b.0))?;
    let checkpoint = Some(member.run.checkpoint(iteration)).filter(|folder| folder.is_dir());
    Some(Best { measure, score, iteration, label: set.label(member), checkpoint })
}

fn mean(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn deviation(values: &[f64]) -> Option<f64> {
    let mean = mean(values)?;
    let squares = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>();
    (values.len() > 1).then(|| (squares / (values.len() - 1) as f64).sqrt())
}

/// A number, or a dash.
fn shown(number: Option<f64>) -> String {
    number.map_or("–".to_owned(), significant)
}

/// A row of a table. A vertical bar in a value would end the cell.
fn row(text: &mut String, first: &str, cells: impl Iterator<Item = impl AsRef<str>>) {
    let _ = write!(text, "| {}", first.replace('|', "\\|"));
    for cell in cells {
        let _ = write!(text, " | {}", cell.as_ref());
    }
    text.push_str(" |\n");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mean_and_standard_deviation_are_those_of_a_sample() {
        let values = [2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0];
        assert_eq!(mean(&values), Some(5.0));
        assert_eq!(deviation(&values), Some((32.0f64 / 7.0).sqrt()));
        assert_eq!((mean(&[]), deviation(&[]), deviation(&[3.0])), (None, None, None));
    }
}

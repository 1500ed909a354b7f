//! The output of an evaluation: a banner and a table, or JSON.

use crate::data::DatasetKind;
use crate::device::Device;
use crate::eval::evaluation::Evaluation;
use crate::eval::score_row::ScoreRow;
use crate::run::snapshot;
use crate::text::{grouped, significant};
use serde::Serialize;

use super::Job;
use super::flags::Reference;
use crate::cli::display::print_wrapped;
use crate::cli::error::Result;

/// A column: its title, and its text for a row; `None` if the score is missing.
type Column = (&'static str, fn(&ScoreRow, &[String]) -> Option<String>);

/// The columns, in blocks that fit into a terminal.
const BLOCKS: [&[Column]; 3] = [
    &[
        ("fidelity (95 %)", |row, _| fidelity(row)),
        ("FCD", |row, _| row.fcd.map(significant)),
        ("KID", |row, _| {
            Some(format!("{} ± {}", significant(row.kid), significant(row.kid_error)))
        }),
        ("nearest", |row, _| row.nearest_neighbour_ratio.map(|x| format!("{x:.3}"))),
    ],
    &[
        ("precision", |row, _| Some(format!("{:.3}", row.precision))),
        ("recall", |row, _| Some(format!("{:.3}", row.recall))),
        ("density", |row, _| Some(format!("{:.3}", row.density))),
        ("coverage", |row, _| Some(format!("{:.3}", row.coverage))),
    ],
    &[
        ("modes", |row, _| row.modes.map(|modes| grouped(modes as u64))),
        ("modes KL", |row, _| row.modes_kl.map(|x| format!("{x:.4}"))),
        ("KL", |row, _| row.histogram_kl.map(|x| format!("{x:.4}"))),
        ("rarest class", rarest),
        ("NDB", |row, _| row.ndb.map(|fraction| format!("{fraction:.2}"))),
    ],
];

fn fidelity(row: &ScoreRow) -> Option<String> {
    let percent = |fraction: f64| format!("{:.1}", 100.0 * fraction);
    let [low, high] = [row.class_fidelity_low?, row.class_fidelity_high?].map(percent);
    Some(format!("{} % ({low}–{high})", percent(row.class_fidelity?)))
}

fn rarest(row: &ScoreRow, names: &[String]) -> Option<String> {
    let (class, fraction) = (row.rarest_class?, row.rarest_share?);
    let name = names.get(class as usize).cloned().unwrap_or_else(|| class.to_string());
    Some(format!("{name}, {:.1} %", 100.0 * fraction))
}

/// The output of `--json`.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    generator: ScoreRow,
    real: ScoreRow,
    noise: ScoreRow,
    #[serde(skip_serializing_if = "Option::is_none")]
    classifier_error: Option<f64>,
    checkpoint: String,
    /// The file of `--generator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    weights: Option<String>,
    preset: &'a str,
    iteration: u32,
    count: usize,
    seed: u64,
    labels: &'a [u32],
    reference: String,
    reference_count: usize,
    real_count: usize,
    missing: &'a [String],
}

impl Job<'_> {
    pub(super) fn report<'a>(&'a self, evaluation: &'a Evaluation) -> Result<Report<'a>> {
        Ok(Report {
            generator: evaluation.generator,
            real: evaluation.real,
            noise: evaluation.noise,
            classifier_error: evaluation.classifier_error,
            checkpoint: self.folder.display().to_string(),
            weights: self.args.checkpoint.generator().map(|path| path.display().to_string()),
            preset: &self.config.preset,
            iteration: snapshot::iteration(&self.checkpoint)?,
            count: self.args.count,
            seed: self.seed(),
            labels: &self.classes,
            reference: match &self.args.reference {
                Reference::Test => "test".to_owned(),
                Reference::Train => "train".to_owned(),
                Reference::Folder(folder) => folder.display().to_string(),
            },
            reference_count: evaluation.reference_count,
            real_count: evaluation.real_count,
            missing: &evaluation.missing,
        })
    }

    pub(super) fn banner(&self, device: &impl Device) {
        if self.args.json {
            return;
        }
        print_line!("gan-cuda {}, preset {}", env!("CARGO_PKG_VERSION"), self.config.preset);
        print_line!("from      {}", self.folder.display());
        self.args.checkpoint.print_weights(&self.checkpoint);
        print_line!("device    {}", device.describe());
        if let Some(reason) = &self.reason {
            print_line!("          {reason}");
        }
        print_line!("images    {}, seed {}", grouped(self.args.count as u64), self.seed());
    }

    pub(super) fn print(&self, evaluation: &Evaluation) {
        let count = grouped(evaluation.reference_count as u64);
        let (set, real) = (self.reference_description(), grouped(evaluation.real_count as u64));
        print_wrapped(&format!(
            "reference {count} images: {set}; row real: {real} other real images"
        ));
        if let Some(error) = evaluation.classifier_error {
            let percent = 100.0 * error;
            print_line!("          classifier error on held-out images: {percent:.2} %");
        }
        for block in BLOCKS {
            self.print_block(block, evaluation);
        }
        if !evaluation.missing.is_empty() {
            print_line!("");
        }
        for missing in &evaluation.missing {
            let stored = self.kind().map(DatasetKind::stored_as);
            let advice = match (stored, &self.data.cache) {
                (Some(stored), Some(cache)) if self.data.test.is_none() => format!(
                    "; put t10k-images-idx3-ubyte.gz and t10k-labels-idx1-ubyte.gz into {}, or run \
                     `gan-cuda fetch {stored}`",
                    cache.join(stored.name()).display()
                ),
                _ => String::new(),
            };
            print_wrapped(&format!("missing   {missing}{advice}"));
        }
    }

    fn print_block(&self, columns: &[Column], evaluation: &Evaluation) {
        let rows = [
            ("generator", &evaluation.generator),
            ("real", &evaluation.real),
            ("noise", &evaluation.noise),
        ];
        let shown = columns.iter().filter_map(|(title, cell)| {
            let cells = rows.map(|(_, row)| cell(row, &self.config.class_names));
            let any = cells.iter().any(Option::is_some);
            any.then(|| (*title, cells.map(|cell| cell.unwrap_or_else(|| "-".to_owned()))))
        });
        let shown: Vec<_> = shown.collect();
        if shown.is_empty() {
            return;
        }
        let width = |(title, cells): &(&str, [String; 3])| {
            let cells = cells.iter().map(|cell| cell.chars().count());
            cells.max().unwrap_or(0).max(title.chars().count())
        };
        let titles = shown.iter().map(|column| format!("  {:>1$}", column.0, width(column)));
        print_line!("");
        print_line!("{:9}{}", "", titles.collect::<String>());
        for (i, (name, _)) in rows.iter().enumerate() {
            let cells = shown.iter().map(|column| format!("  {:>1$}", column.1[i], width(column)));
            print_line!("{name:9}{}", cells.collect::<String>());
        }
    }

    fn reference_description(&self) -> String {
        let set = &self.data.training.name;
        let whole = self.kind().is_some() || self.data.test.is_some();
        match (&self.args.reference, whole) {
            (Reference::Test, true) => format!("the test images of {set}"),
            (Reference::Test, false) => {
                format!("half of {set}, on which no classifier was trained")
            }
            (Reference::Train, true) => format!("training images of {set}"),
            (Reference::Train, false) => format!("the other half of {set}"),
            (Reference::Folder(folder), _) => folder.display().to_string(),
        }
    }

    pub(super) fn seed(&self) -> u64 {
        self.args.noise.seed.unwrap_or(self.config.seed)
    }
}

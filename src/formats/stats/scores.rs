//! Scores of the generator: how good its images are.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::null_is_nan;
use crate::choice::choices;
use crate::file_error::FileError;

choices! {
    /// The score that selects the best checkpoint; the lowest is the best.
    pub enum Measure {
        /// Fréchet distance between generated and real images in a classifier's features.
        Fcd = "fcd",
        /// Kernel distance between the same features (squared MMD, unbiased); without a classifier,
        /// of pixels.
        Kid = "kid",
    }
}

impl Measure {
    /// Its name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Fcd => "FCD",
            Measure::Kid => "KID",
        }
    }

    /// The score by which a run is displayed: FCD if it has any, else KID.
    pub fn displayed(entries: &[ScoreEntry]) -> Measure {
        match best(entries, Measure::Fcd) {
            Some(_) => Measure::Fcd,
            None => Measure::Kid,
        }
    }
}

/// Scores of the generator after an iteration. A score that is not finite is `null` in JSON; a
/// missing score is omitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The fraction of images that a classifier assigns to the requested class, from 0 to 1; only
    /// for GANs with classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_fidelity: Option<f64>,
    /// [`Measure::Fcd`]; only with a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fcd: Option<f64>,
    /// [`Measure::Kid`]; around 0, possibly negative, for images indistinguishable from real ones.
    #[serde(deserialize_with = "null_is_nan")]
    pub kid: f64,
    /// Its standard error.
    #[serde(deserialize_with = "null_is_nan")]
    pub kid_error: f64,
    /// The number of modes found among the generated images; only for stacked digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes: Option<usize>,
    /// The Kullback–Leibler divergence of these modes from a uniform distribution, in nats.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modes_kl: Option<f64>,
}

impl Scores {
    /// The score of a measure, if it is finite.
    pub fn by(&self, measure: Measure) -> Option<f64> {
        let score = match measure {
            Measure::Fcd => self.fcd,
            Measure::Kid => Some(self.kid),
        };
        score.filter(|score| score.is_finite())
    }

    /// The scores that are plotted, with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let scores = [
            ("class_fidelity", self.class_fidelity),
            ("fcd", self.fcd),
            ("kid", Some(self.kid)),
            ("modes", self.modes.map(|modes| modes as f64)),
            ("modes_kl", self.modes_kl),
        ];
        scores.into_iter().filter_map(|(name, score)| Some((name, score?)))
    }
}

/// A log entry: the scores of the generator after an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreEntry {
    /// Completed iterations.
    pub iteration: u64,
    /// The scores after that iteration.
    pub scores: Scores,
}

/// The entry with the lowest score, the first of equals; `None` if no score is finite.
pub fn best(entries: &[ScoreEntry], measure: Measure) -> Option<&ScoreEntry> {
    let scored = entries.iter().filter_map(|entry| Some((entry.scores.by(measure)?, entry)));
    scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, entry)| entry)
}

/// Reads the scores of a `stats.jsonl` and ignores all other lines, valid or not; a missing file
/// has none.
///
/// # Errors
/// I/O.
pub fn read_scores(path: &Path) -> Result<Vec<ScoreEntry>, FileError> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(FileError::at("read", path))?,
    };
    let lines = bytes.split(|&byte| byte == b'\n');
    Ok(lines.filter_map(|line| serde_json::from_slice(line).ok()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(iteration: u64, fcd: Option<f64>, kid: f64) -> ScoreEntry {
        let scores = Scores { fcd, kid, kid_error: 0.5, ..Scores::default() };
        ScoreEntry { iteration, scores }
    }

    #[test]
    fn best_is_the_first_lowest_score_and_never_nan() {
        let entries = [
            entry(1, Some(f64::NAN), f64::NEG_INFINITY),
            entry(2, Some(7.0), 0.25),
            entry(3, None, -0.125),
            entry(4, Some(3.0), f64::NAN),
            entry(5, Some(3.0), -0.125),
        ];
        let iteration = |measure| best(&entries, measure).map(|entry| entry.iteration);
        assert_eq!([Measure::Fcd, Measure::Kid].map(iteration), [Some(4), Some(3)]);
        assert_eq!(best(&entries[..1], Measure::Fcd), None);
        assert_eq!(Measure::displayed(&entries), Measure::Fcd);
        assert_eq!(Measure::displayed(&entries[2..3]), Measure::Kid);
    }

    #[test]
    fn scores_are_found_among_other_lines() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        assert_eq!(read_scores(&path).unwrap(), []);
        let [first, second] = [entry(3, Some(12.5), 0.125), entry(6, None, -0.25)];
        let line = |entry: &ScoreEntry| serde_json::to_string(entry).unwrap();
        assert_eq!(
            line(&second),
            r#"{"iteration":6,"scores":{"kid":-0.25,"kid_error":0.5}}"#,
            "missing scores are omitted"
        );
        let other = r#"{"iteration":3,"samples":1}"#;
        let text = format!("{}\nnonsense\n{other}\n\n{}\n", line(&first), line(&second));
        fs::write(&path, format!("{text}{{\"iteration\":9,\"scores\":{{\"kid\":")).unwrap();
        assert_eq!(read_scores(&path).unwrap(), [first, second]);
    }
}

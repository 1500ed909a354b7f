//! Scores: how good a generator's images are, in numbers.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::null_is_nan;
use crate::choice::choices;
use crate::file_error::FileError;

choices! {
    /// By which score the best of a run's generators is chosen: the lowest is the best.
    pub enum Measure {
        /// Fréchet distance between the images and real ones, in a classifier's features.
        Fcd = "fcd",
        /// Kernel distance between the two (squared MMD, unbiased), which needs no classifier.
        Kid = "kid",
    }
}

impl Measure {
    /// Its name in texts.
    pub fn name(self) -> &'static str {
        match self {
            Measure::Fcd => "FCD",
            Measure::Kid => "KID",
        }
    }

    /// By which score a run is shown: FCD where it has any, else KID.
    pub fn shown(records: &[ScoreRecord]) -> Measure {
        match best(records, Measure::Fcd) {
            Some(_) => Measure::Fcd,
            None => Measure::Kid,
        }
    }
}

/// Scores of a generator at one moment of its training. One that is not finite is `null` in JSON,
/// one that there is not is left out.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// The share of images that a classifier takes for the class they were drawn as, from 0 to 1;
    /// where the GAN has classes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub class_fidelity: Option<f64>,
    /// [`Measure::Fcd`]; where there is a classifier.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fcd: Option<f64>,
    /// [`Measure::Kid`]; of images that cannot be told from real ones it is around 0, and may be
    /// negative.
    #[serde(deserialize_with = "null_is_nan")]
    pub kid: f64,
    /// Its standard error.
    #[serde(deserialize_with = "null_is_nan")]
    pub kid_error: f64,
}

impl Scores {
    /// The score by a measure, if it is a number.
    pub fn by(&self, measure: Measure) -> Option<f64> {
        let score = match measure {
            Measure::Fcd => self.fcd,
            Measure::Kid => Some(self.kid),
        };
        score.filter(|score| score.is_finite())
    }

    /// What is drawn as a curve, with its name.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f64)> {
        let scores =
            [("class_fidelity", self.class_fidelity), ("fcd", self.fcd), ("kid", Some(self.kid))];
        scores.into_iter().filter_map(|(name, score)| Some((name, score?)))
    }
}

/// Another kind of line of `stats.jsonl`: the scores of the generator after an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ScoreRecord {
    /// Iterations done.
    pub iteration: u64,
    /// Of the generator as it was then.
    pub scores: Scores,
}

/// The record with the lowest score, the first of equals; none where no score is a number.
pub fn best(records: &[ScoreRecord], measure: Measure) -> Option<&ScoreRecord> {
    let scored = records.iter().filter_map(|record| Some((record.scores.by(measure)?, record)));
    scored.min_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, record)| record)
}

/// Reads the scores of a `stats.jsonl` and passes over all else, be it no record at all; a file that
/// is not there has none.
///
/// # Errors
/// I/O.
pub fn read_scores(path: &Path) -> Result<Vec<ScoreRecord>, FileError> {
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

    fn record(iteration: u64, fcd: Option<f64>, kid: f64) -> ScoreRecord {
        let scores = Scores { class_fidelity: None, fcd, kid, kid_error: 0.5 };
        ScoreRecord { iteration, scores }
    }

    #[test]
    fn best_is_the_first_of_the_lowest_and_never_what_is_no_number() {
        let records = [
            record(1, Some(f64::NAN), f64::NEG_INFINITY),
            record(2, Some(7.0), 0.25),
            record(3, None, -0.125),
            record(4, Some(3.0), f64::NAN),
            record(5, Some(3.0), -0.125),
        ];
        let iteration = |measure| best(&records, measure).map(|record| record.iteration);
        assert_eq!([Measure::Fcd, Measure::Kid].map(iteration), [Some(4), Some(3)]);
        assert_eq!(best(&records[..1], Measure::Fcd), None);
        assert_eq!(Measure::shown(&records), Measure::Fcd);
        assert_eq!(Measure::shown(&records[2..3]), Measure::Kid);
    }

    #[test]
    fn scores_are_found_among_lines_of_all_kinds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("stats.jsonl");
        assert_eq!(read_scores(&path).unwrap(), []);
        let [first, second] = [record(3, Some(12.5), 0.125), record(6, None, -0.25)];
        let line = |record: &ScoreRecord| serde_json::to_string(record).unwrap();
        assert_eq!(
            line(&second),
            r#"{"iteration":6,"scores":{"kid":-0.25,"kid_error":0.5}}"#,
            "what there is not is left out"
        );
        let other = r#"{"iteration":3,"samples":1}"#;
        let text = format!("{}\nnonsense\n{other}\n\n{}\n", line(&first), line(&second));
        fs::write(&path, format!("{text}{{\"iteration\":9,\"scores\":{{\"kid\":")).unwrap();
        assert_eq!(read_scores(&path).unwrap(), [first, second]);
    }
}

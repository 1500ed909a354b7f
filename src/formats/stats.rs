//! `stats.jsonl`: the statistics of a run, one JSON object per line, for plots and other programs.
//!
//! A line holds the losses of one iteration ([`LossEntry`]), statistics of one grid of samples
//! ([`SampleEntry`]), or scores of the generator ([`ScoreEntry`]).

mod scores;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::file_error::FileError;
use crate::formats::{Error, Result};
pub use scores::{Measure, ScoreEntry, Scores, best, read_scores};

/// A log entry: the losses of one iteration and the progress of the run.
///
/// A number that is not finite is `null` in JSON and NaN when read back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LossEntry {
    /// Completed iterations.
    pub iteration: u64,
    /// The epoch, from 1.
    pub epoch: u64,
    /// The discriminator's loss.
    #[serde(alias = "loss_d", deserialize_with = "null_is_nan")]
    pub d_loss: f32,
    /// The generator's loss.
    #[serde(alias = "loss_g", deserialize_with = "null_is_nan")]
    pub g_loss: f32,
    /// The sum of the discriminator's gradient penalties; absent without penalties.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub penalty: Option<f32>,
    /// The discriminator's mean output for real images.
    #[serde(deserialize_with = "null_is_nan")]
    pub d_real: f32,
    /// The discriminator's mean output for generated images.
    #[serde(deserialize_with = "null_is_nan")]
    pub d_fake: f32,
    /// Real images per second of training, in the process that wrote this.
    #[serde(deserialize_with = "null_is_nan")]
    pub images_per_second: f32,
    /// Seconds of training so far, without pauses and evaluation.
    pub seconds: f64,
}

/// A log entry: statistics of a grid of samples and of the training images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleEntry {
    /// Completed iterations.
    pub iteration: u64,
    /// Statistics of the grid of samples.
    pub samples: ImageStats,
    /// Statistics of the data set; the same in every line.
    pub data: ImageStats,
}

/// Statistics of the pixel values of images, from -1 to 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageStats {
    /// The mean of |x|, from 0 (all grey) to 1 (all black, white or of full colour).
    #[serde(deserialize_with = "null_is_nan")]
    pub mean_abs: f32,
    /// The standard deviation of all values together, from 0 to 1.
    #[serde(deserialize_with = "null_is_nan")]
    pub std: f32,
    /// The fraction of values with |x| > 0.99.
    #[serde(deserialize_with = "null_is_nan")]
    pub extreme: f32,
    /// The mean saturation (HSV) of colour images, from 0 (grey) to 1; black counts as 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<f32>,
}

impl ImageStats {
    /// The statistics with their names.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f32)> {
        let numbers = [
            ("mean_abs", Some(self.mean_abs)),
            ("std", Some(self.std)),
            ("extreme", Some(self.extreme)),
            ("saturation", self.saturation),
        ];
        numbers.into_iter().filter_map(|(name, number)| Some((name, number?)))
    }
}

/// All log entries of a `stats.jsonl` by kind, in file order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats {
    /// Losses.
    pub losses: Vec<LossEntry>,
    /// Samples.
    pub images: Vec<SampleEntry>,
    /// Scores.
    pub scores: Vec<ScoreEntry>,
}

/// Reads `null`, which stands for a number that is not finite, as NaN.
fn null_is_nan<'de, T, D>(deserializer: D) -> std::result::Result<T, D::Error>
where
    T: Deserialize<'de> + From<f32>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(|| f32::NAN.into()))
}

/// A log entry as a line of `stats.jsonl`, without newline.
///
/// # Errors
/// If the entry cannot be written as JSON; names `path`.
pub(crate) fn to_line(entry: &impl Serialize, path: &Path) -> Result<String, FileError> {
    serde_json::to_string(entry).map_err(|error| FileError::at("write", path)(error.into()))
}

/// The iteration of a line of `stats.jsonl`, if it is a log entry.
pub(crate) fn iteration_of_entry(line: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value.get("iteration")?.as_u64()
}

/// Reads all log entries of a `stats.jsonl`. An incomplete last line, which was being written when
/// the process was killed, is ignored; a missing file has no entries.
///
/// # Errors
/// [`Error::StatsEntry`] for a complete line that is not a log entry; I/O.
pub fn read_stats(path: &Path) -> Result<Stats> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Stats::default()),
        other => other.map_err(FileError::at("read", path))?,
    };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    let mut stats = Stats::default();
    for (index, line) in bytes[..whole].split(|&byte| byte == b'\n').enumerate() {
        let problem = |source| Error::StatsEntry { path: path.to_owned(), line: index + 1, source };
        if !line.is_empty() {
            stats.add(line).map_err(problem)?;
        }
    }
    Ok(stats)
}

impl Stats {
    fn add(&mut self, line: &[u8]) -> serde_json::Result<()> {
        let value: serde_json::Value = serde_json::from_slice(line)?;
        let has = |key| value.get(key).is_some();
        match (has("samples"), has("scores")) {
            (true, _) => self.images.push(serde_json::from_value(value)?),
            (_, true) => self.scores.push(serde_json::from_value(value)?),
            _ => self.losses.push(serde_json::from_value(value)?),
        }
        Ok(())
    }
}

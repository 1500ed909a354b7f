//! `stats.jsonl`: the run in numbers, one JSON object per line, for plots and for other programs.
//!
//! A line is of one iteration's losses ([`Record`]), of one grid of samples ([`ImageRecord`]), or of
//! the scores of a generator ([`ScoreRecord`]).

mod scores;

use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::file_error::FileError;
use crate::formats::{Error, Result};
pub use scores::{Measure, ScoreRecord, Scores, best, read_scores};

/// A line of `stats.jsonl`: the losses of one iteration, and how far the run is.
///
/// A number that is not finite is `null` in JSON and NaN when read back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Iterations done.
    pub iteration: u64,
    /// The epoch, from 1.
    pub epoch: u64,
    /// The discriminator's loss.
    #[serde(alias = "loss_d", deserialize_with = "null_is_nan")]
    pub d_loss: f32,
    /// The generator's loss.
    #[serde(alias = "loss_g", deserialize_with = "null_is_nan")]
    pub g_loss: f32,
    /// The discriminator's mean output for real images.
    #[serde(deserialize_with = "null_is_nan")]
    pub d_real: f32,
    /// The discriminator's mean output for generated images.
    #[serde(deserialize_with = "null_is_nan")]
    pub d_fake: f32,
    /// Real images learned from per second of training, by the process that wrote this.
    #[serde(deserialize_with = "null_is_nan")]
    pub images_per_second: f32,
    /// Seconds of training so far; pauses, and the time that scores take, left out.
    pub seconds: f64,
}

/// Another kind of line: what a grid of samples is like, beside the images to learn from.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageRecord {
    /// Iterations done.
    pub iteration: u64,
    /// Of the grid of samples.
    pub samples: ImageStats,
    /// Of the data set; the same in every line.
    pub data: ImageStats,
}

/// What the values of images, from -1 to 1, are like.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ImageStats {
    /// The mean of |x|, from 0 (all grey) to 1 (all black, white or of full colour).
    #[serde(deserialize_with = "null_is_nan")]
    pub mean_abs: f32,
    /// The standard deviation of all values together, from 0 to 1.
    #[serde(deserialize_with = "null_is_nan")]
    pub std: f32,
    /// The share of values with |x| > 0.99.
    #[serde(deserialize_with = "null_is_nan")]
    pub extreme: f32,
    /// Of colour images, the mean of HSV's saturation, from 0 (grey) to 1; black has 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saturation: Option<f32>,
}

impl ImageStats {
    /// The numbers with their names.
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

/// All lines of a `stats.jsonl`, by their kind, as they come.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Records {
    /// Losses.
    pub losses: Vec<Record>,
    /// Samples.
    pub images: Vec<ImageRecord>,
    /// Scores.
    pub scores: Vec<ScoreRecord>,
}

/// Reads a number that JSON has no word for.
fn null_is_nan<'de, T, D>(deserializer: D) -> std::result::Result<T, D::Error>
where
    T: Deserialize<'de> + From<f32>,
    D: Deserializer<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_else(|| f32::NAN.into()))
}

/// A record as a line of `stats.jsonl`, without its newline.
///
/// # Errors
/// Names `path` when the record cannot be written as JSON.
pub(crate) fn to_line(record: &impl Serialize, path: &Path) -> Result<String, FileError> {
    serde_json::to_string(record).map_err(|error| FileError::at("write", path)(error.into()))
}

/// The iteration of a line of `stats.jsonl`, if it is one.
pub(crate) fn iteration_of_record(line: &str) -> Option<u64> {
    let value: serde_json::Value = serde_json::from_str(line).ok()?;
    value.get("iteration")?.as_u64()
}

/// Reads every record of a `stats.jsonl`. A last line without its newline was being written when
/// the process died, and is left out; a file that is not there has no records.
///
/// # Errors
/// [`Error::Record`] for a whole line that is not a record; I/O.
pub fn read_records(path: &Path) -> Result<Records> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Records::default()),
        other => other.map_err(FileError::at("read", path))?,
    };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    let mut records = Records::default();
    for (index, line) in bytes[..whole].split(|&byte| byte == b'\n').enumerate() {
        let problem = |source| Error::Record { path: path.to_owned(), line: index + 1, source };
        if !line.is_empty() {
            records.add(line).map_err(problem)?;
        }
    }
    Ok(records)
}

impl Records {
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

//! `stats.jsonl`: the run in numbers, one JSON object per line, for plots and for other programs.

use std::fs;
use std::path::Path;

use serde::{Deserialize, Deserializer, Serialize};

use crate::{Error, Result};

/// One line of `stats.jsonl`: the losses of one iteration, and how far the run is.
///
/// A number that is not finite is `null` in JSON and NaN when read back.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Iterations done.
    pub iteration: u64,
    /// The epoch, from 1.
    pub epoch: u64,
    /// The discriminator's loss.
    #[serde(deserialize_with = "null_is_nan")]
    pub loss_d: f32,
    /// The generator's loss.
    #[serde(deserialize_with = "null_is_nan")]
    pub loss_g: f32,
    /// The discriminator's mean output for real images.
    #[serde(deserialize_with = "null_is_nan")]
    pub d_real: f32,
    /// The discriminator's mean output for generated images.
    #[serde(deserialize_with = "null_is_nan")]
    pub d_fake: f32,
    /// Real images learned from per second.
    #[serde(deserialize_with = "null_is_nan")]
    pub images_per_second: f32,
    /// Seconds of training so far, pauses left out.
    pub seconds: f64,
}

fn null_is_nan<'de, D: Deserializer<'de>>(deserializer: D) -> std::result::Result<f32, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f32::NAN))
}

impl Record {
    /// The record as a line of `stats.jsonl`, without its newline.
    ///
    /// # Errors
    /// Names `path` when the record cannot be written as JSON.
    pub(super) fn to_line(self, path: &Path) -> Result<String> {
        serde_json::to_string(&self).map_err(|error| Error::io("write", path)(error.into()))
    }
}

/// Reads every record of a `stats.jsonl`. A last line without its newline was being written when
/// the process died, and is left out; a file that is not there has no records.
///
/// # Errors
/// [`Error::Record`] for a whole line that is not a record; I/O.
pub fn read_records(path: &Path) -> Result<Vec<Record>> {
    let bytes = match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.map_err(Error::io("read", path))?,
    };
    let whole = bytes.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
    let lines = bytes[..whole].split(|&byte| byte == b'\n').enumerate();
    lines
        .filter(|(_, line)| !line.is_empty())
        .map(|(index, line)| {
            serde_json::from_slice(line).map_err(|source| Error::Record {
                path: path.to_owned(),
                line: index + 1,
                source,
            })
        })
        .collect()
}

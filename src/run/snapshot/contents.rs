//! What a checkpoint holds besides tensors: its metadata.

use std::fmt;
use std::str::FromStr;

use crate::device::ops::RING_COLUMNS;
use crate::gan::model::sequential;
use crate::gan::{Model, Role};
use crate::run::config::Config;
use crate::run::journal::JournalLengths;

pub(super) const ITERATION: &str = "iteration";
pub(super) const SECONDS: &str = "seconds";
pub(super) const DATA_CHECKSUM: &str = "data_crc32";
pub(super) const CONFIG: &str = "config";
pub(super) const METRICS: &str = "metrics";
pub(super) const MOMENTS: [&str; 2] = ["first_moment", "second_moment"];

/// The state of a run that its checkpoint stores besides the networks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Progress {
    /// Completed iterations.
    pub iteration: u32,
    /// Seconds of training so far.
    pub seconds: f64,
    /// Lengths of the journal files.
    pub lengths: JournalLengths,
    /// Checksum of the data set.
    pub data: u32,
}

/// The metrics of an iteration, as text with spaces between the numbers.
pub(super) struct Numbers(pub(super) [f64; RING_COLUMNS]);

impl fmt::Display for Numbers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.map(|number| number.to_string()).join(" "))
    }
}

impl FromStr for Numbers {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let numbers = text.split(' ').map(str::parse).collect::<Result<Vec<f64>, _>>();
        numbers.ok().and_then(|numbers| numbers.try_into().ok()).map(Numbers).ok_or(())
    }
}

pub(super) fn steps_key(role: Role) -> String {
    format!("{}_steps", role.name())
}

/// The class names for the metadata of a file, as a JSON array; `None` where classes are just
/// numbers.
pub fn class_names(config: &Config) -> Option<(String, String)> {
    let names = serde_json::json!(config.class_names).to_string();
    (!config.class_names.is_empty()).then(|| ("class_names".to_owned(), names))
}

/// The metadata that identifies the networks.
pub(super) fn network_metadata(model: &Model, config: &Config) -> [(&'static str, String); 6] {
    let settings = model.settings();
    let image = [settings.image.channels, settings.image.height, settings.image.width];
    [
        ("preset", config.preset.clone()),
        ("latent_dim", settings.latent_dim.to_string()),
        ("image_shape", format!("{image:?}")),
        ("classes", settings.classes.unwrap_or(0).to_string()),
        ("generator", sequential(model.generator())),
        ("discriminator", sequential(model.discriminator())),
    ]
}

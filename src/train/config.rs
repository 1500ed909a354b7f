//! All that decides a run, resolved: `config.toml`.

mod check;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::data::{Places, Source, Wanted};
use crate::device::{DeviceChoice, Precision};
use crate::gan::draws::Schedule;
use crate::gan::preset::{self, Interval, Preset};
use crate::gan::settings::Settings;
use crate::{Error, Result};
pub use check::ConfigProblem;

/// What may change when a run goes on.
const CHANGEABLE: [&str; 10] = [
    "checkpoint_interval",
    "device",
    "epochs",
    "iterations",
    "keep",
    "log_interval",
    "precision",
    "sample_interval",
    "tensorboard",
    "threads",
];

/// A run's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the set-up.
    pub preset: String,
    /// The data set: a known name, or the absolute path of a folder of images.
    pub dataset: Source,
    /// The folder that a named data set's files came from; unset: it is the program's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Whether images of a folder that cannot be read are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad_images: bool,
    /// Seed of weights, noise, labels, masks and the order of images.
    pub seed: u64,
    /// Epochs after which the run ends.
    pub epochs: u32,
    /// Iterations after which the run ends, if that comes first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u32>,
    /// How often a grid of samples is made.
    pub sample_interval: Interval,
    /// Iterations from one record of losses to the next.
    pub log_interval: u32,
    /// How often a checkpoint is written; unset: every epoch, but at most one a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_interval: Option<Interval>,
    /// Checkpoints that are kept.
    pub keep: usize,
    /// Whether an event file is written, for TensorBoard.
    #[serde(default = "yes")]
    pub tensorboard: bool,
    /// Where to compute.
    pub device: DeviceChoice,
    /// How exactly a GPU multiplies matrices.
    #[serde(default = "full")]
    pub precision: Precision,
    /// CPU threads.
    pub threads: usize,
    /// The file of weights that the generator began with, if it did not begin at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_generator: Option<PathBuf>,
    /// The same of the discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_discriminator: Option<PathBuf>,
    /// The networks and how they learn.
    pub gan: Settings,
}

fn yes() -> bool {
    true
}

fn full() -> Precision {
    Precision::F32
}

impl Config {
    /// The set-up's row of the table.
    ///
    /// # Errors
    /// [`Error::NoSuchPreset`].
    pub fn preset(&self) -> Result<&'static Preset> {
        preset::find(&self.preset).ok_or_else(|| Error::NoSuchPreset { name: self.preset.clone() })
    }

    /// Makes sure that a conditional set-up has the classes of its data set; `path` is the file that
    /// this configuration is from.
    ///
    /// # Errors
    /// [`Error::ConfigValue`].
    pub fn expect_classes(&self, classes: usize, path: &Path) -> Result<()> {
        let problem = |source| Error::ConfigValue { path: path.to_owned(), source };
        check::same_classes(&self.gan, classes).map_err(problem)
    }

    /// Iterations after which the run ends, on a data set cut into batches by `schedule`.
    pub fn total(&self, schedule: Schedule) -> u32 {
        let by_epochs = u64::from(self.epochs) * schedule.iterations() as u64;
        let total = by_epochs.min(u64::from(self.iterations.unwrap_or(u32::MAX)));
        u32::try_from(total).unwrap_or(u32::MAX)
    }

    /// The images of a run, from where they came from, in the networks' shape. What is decoded of
    /// a folder is kept in `cache` for the next time.
    pub fn wanted(&self, cache: Option<PathBuf>) -> Wanted {
        Wanted {
            source: self.dataset.clone(),
            places: Places { data_dir: self.data_dir.clone(), ..Places::default() },
            shape: self.gan.image,
            classes: self.gan.classes.is_some(),
            skip_bad: self.skip_bad_images,
            threads: self.threads,
            cache,
        }
    }

    /// The configuration as the text of `config.toml`.
    ///
    /// # Errors
    /// [`Error::ConfigText`] when a number cannot be written.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string(self).map_err(config_text)
    }

    /// The key of a value, as `gan.lr`, by which this configuration would train otherwise than
    /// another; nothing where they differ in how long, where, and what is written, or not at all.
    ///
    /// # Errors
    /// As [`Config::to_text`].
    pub fn other_training(&self, other: &Config) -> Result<Option<String>> {
        let [ours, theirs] = [self.values()?, other.values()?];
        let differ = ours.into_iter().filter(|value| !theirs.contains(value)).map(|(key, _)| key);
        Ok(differ.filter(|key| !CHANGEABLE.contains(&key.as_str())).min())
    }

    /// All values, by their keys.
    fn values(&self) -> Result<Vec<(String, toml::Value)>> {
        let mut values = Vec::new();
        flatten("", toml::Value::try_from(self).map_err(config_text)?, &mut values);
        Ok(values)
    }

    /// Reads a `config.toml`, by its name or that of its run folder.
    ///
    /// # Errors
    /// I/O; as [`Config::from_text`].
    pub fn read(path: &Path) -> Result<Config> {
        let path = if path.is_dir() { &path.join("config.toml") } else { path };
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        debug!(path = %path.display(), "read a configuration");
        Config::from_text(path, &text)
    }

    /// Understands the text of a `config.toml`; `path` is for the errors' messages.
    ///
    /// # Errors
    /// [`Error::Config`] for what is not one, [`Error::ConfigValue`] for values that no run can have.
    pub fn from_text(path: &Path, text: &str) -> Result<Config> {
        let problem = |source| Error::Config { path: path.to_owned(), source };
        let config: Config = toml::from_str(text).map_err(problem)?;
        let problem = |source| Error::ConfigValue { path: path.to_owned(), source };
        config.check().map_err(problem)?;
        Ok(config)
    }
}

fn config_text(error: toml::ser::Error) -> Error {
    Error::ConfigText { problem: error.to_string() }
}

fn flatten(key: &str, value: toml::Value, values: &mut Vec<(String, toml::Value)>) {
    match value {
        toml::Value::Table(table) => {
            for (name, value) in table {
                let key = if key.is_empty() { name } else { format!("{key}.{name}") };
                flatten(&key, value, values);
            }
        }
        value => values.push((key.to_owned(), value)),
    }
}

//! All that decides a run, resolved: `config.toml`.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::data::{Dataset, DatasetKind, Places};
use crate::device::DeviceChoice;
use crate::gan::preset::{self, Interval, Preset};
use crate::gan::settings::Settings;
use crate::{Error, Result};

/// A run's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the set-up.
    pub preset: String,
    /// The data set.
    pub dataset: DatasetKind,
    /// The folder that the data set came from; unset: it is the program's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
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
    /// Where to compute.
    pub device: DeviceChoice,
    /// CPU threads.
    pub threads: usize,
    /// The networks and how they learn.
    pub gan: Settings,
}

impl Config {
    /// The set-up's row of the table.
    ///
    /// # Errors
    /// [`Error::NoSuchPreset`].
    pub fn preset(&self) -> Result<&'static Preset> {
        preset::find(&self.preset).ok_or_else(|| Error::NoSuchPreset { name: self.preset.clone() })
    }

    /// The data set that a run goes on with: from where it came from, in the networks' shape.
    ///
    /// # Errors
    /// As [`DatasetKind::load_from`] and [`Dataset::with_shape`].
    pub fn load_data(&self) -> Result<Dataset> {
        let places = Places { data_dir: self.data_dir.clone(), ..Places::default() };
        let image = self.gan.image;
        self.dataset.load_from(&places)?.with_shape(image.height, image.channels)
    }

    /// The configuration as the text of `config.toml`.
    ///
    /// # Errors
    /// [`Error::Config`] when a number cannot be written.
    pub fn to_text(&self) -> Result<String> {
        let problem = |e: toml::ser::Error| Error::ConfigText { problem: e.to_string() };
        toml::to_string(self).map_err(problem)
    }

    /// Reads a `config.toml`.
    ///
    /// # Errors
    /// I/O, and [`Error::Config`] for what is not one.
    pub fn read(path: &Path) -> Result<Config> {
        let text = std::fs::read_to_string(path).map_err(Error::io("read", path))?;
        let problem = |source| Error::Config { path: path.to_owned(), source };
        toml::from_str(&text).map_err(problem)
    }
}

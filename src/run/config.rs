//! All that decides a run, resolved: `config.toml`.

mod check;
mod difference;
mod older;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::data::{ClassOrder, Places, Source, Wanted};
use crate::device::cpu::default_threads;
use crate::device::{ConvolutionForm, DeviceChoice, Precision};
use crate::file_error::FileError;
use crate::formats::records::Measure;
use crate::gan::Model;
use crate::gan::dataset::Schedule;
use crate::gan::interval::Interval;
use crate::gan::preset::Preset;
use crate::gan::sample_grid::Grid;
use crate::gan::settings::Settings;
use crate::ranges::OutOfRange;
use crate::run::{Error, Result};
pub use check::ConfigProblem;

/// A run's configuration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the GAN.
    pub preset: String,
    /// What it is, in a line.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// What is worth knowing about it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The data set: a known name, or the absolute path of a folder of images. A file may leave it
    /// open, a run may not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Source>,
    /// The folder that a named data set's files came from; unset: it is the program's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// What the classes are called, by their numbers; empty where they are only numbered, and where
    /// the data set has not been looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// Whether images of a folder that cannot be read are left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad_images: bool,
    /// Seed of weights, noise, labels, masks and the order of images.
    #[serde(default)]
    pub seed: u64,
    /// Epochs after which the run ends; unset: iterations alone decide.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Iterations after which the run ends; of the two the first reached ends it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u32>,
    /// How often a grid of samples is made.
    pub sample_interval: Interval,
    /// Samples in a grid, without classes.
    pub sample_grid: Grid,
    /// Iterations from one record of losses to the next.
    #[serde(default = "default::log_interval")]
    pub log_interval: u32,
    /// How often a checkpoint is written; unset: every epoch, but at most one a minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_interval: Option<Interval>,
    /// Checkpoints that are kept.
    #[serde(default = "default::keep")]
    pub keep: usize,
    /// How often the generator is scored; unset: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate_interval: Option<Interval>,
    /// By which score the best checkpoint is chosen, which is kept beside the newest; unset: none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_best: Option<Measure>,
    /// Whether an event file is written, for TensorBoard.
    #[serde(default = "default::tensorboard")]
    pub tensorboard: bool,
    /// Where to compute.
    #[serde(default)]
    pub device: DeviceChoice,
    /// How exactly a GPU multiplies matrices.
    #[serde(default = "default::precision")]
    pub precision: Precision,
    /// CPU threads.
    #[serde(default = "default_threads")]
    pub threads: usize,
    /// How the CPU computes convolutions.
    #[serde(default = "default::conv", skip_serializing_if = "default::is_direct")]
    pub conv: ConvolutionForm,
    /// The file of weights that the generator began with, if it did not begin at random.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_generator: Option<PathBuf>,
    /// The same of the discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_discriminator: Option<PathBuf>,
    /// The checkpoint of another run that this one began from, if it did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branched_from: Option<PathBuf>,
    /// The networks and how they learn.
    pub gan: Settings,
}

/// What a file means that says nothing.
mod default {
    use crate::device::{ConvolutionForm, Precision};

    pub(super) fn log_interval() -> u32 {
        50
    }

    pub(super) fn keep() -> usize {
        3
    }

    pub(super) fn tensorboard() -> bool {
        true
    }

    pub(super) fn precision() -> Precision {
        Precision::F32
    }

    pub(super) fn conv() -> ConvolutionForm {
        ConvolutionForm::Direct
    }

    pub(super) fn is_direct(form: &ConvolutionForm) -> bool {
        *form == ConvolutionForm::Direct
    }
}

impl Config {
    /// The published run of a preset.
    ///
    /// # Errors
    /// As [`Config::from_text`].
    pub fn of_preset(preset: &Preset) -> Result<Config> {
        let path = PathBuf::from(format!("presets/{}.toml", preset.name));
        Config::from_text(&path, preset.text)
    }

    /// The data set.
    ///
    /// # Errors
    /// [`Error::NoDataset`] where it is left open.
    pub fn dataset(&self) -> Result<&Source> {
        self.dataset.as_ref().ok_or_else(|| Error::NoDataset { name: self.preset.clone() })
    }

    /// The GAN that is trained.
    ///
    /// # Errors
    /// [`Error::Model`] says which layer does not fit; there is none in what [`Config::from_text`]
    /// has read.
    pub fn model(&self) -> Result<Model> {
        Ok(Model::new(self.gan.clone())?)
    }

    /// Name and summary, as a title.
    pub fn title(&self) -> String {
        match self.summary.is_empty() {
            true => self.preset.clone(),
            false => format!("{}: {}", self.preset, self.summary),
        }
    }

    /// Makes sure that a conditional set-up has the classes of its data set; `path` is the file that
    /// this configuration is from.
    ///
    /// # Errors
    /// [`Error::ConfigValue`].
    pub fn expect_classes(&self, classes: usize, path: &Path) -> Result<()> {
        let problem = |source| Error::ConfigValue {
            path: path.to_owned(),
            source: ConfigProblem::Value(source),
        };
        check::same_classes(&self.gan, classes).map_err(problem)
    }

    /// Iterations after which the run ends, on a data set cut into batches by `schedule`.
    pub fn total(&self, schedule: Schedule) -> u32 {
        let of_epochs = |epochs: u32| u64::from(epochs) * schedule.iterations() as u64;
        let limits = [self.epochs.map(of_epochs), self.iterations.map(u64::from)];
        let total = limits.into_iter().flatten().min();
        total.and_then(|total| u32::try_from(total).ok()).unwrap_or(u32::MAX)
    }

    /// The images of a run, from where they came from, in the networks' shape. What is decoded of
    /// a folder is kept in `cache` for the next time.
    ///
    /// # Errors
    /// As [`Config::dataset`].
    pub fn wanted(&self, cache: Option<PathBuf>) -> Result<Wanted> {
        Ok(Wanted {
            source: self.dataset()?.clone(),
            places: Places { data_dir: self.data_dir.clone(), ..Places::default() },
            shape: self.gan.image,
            exact: false,
            classes: self.gan.classes.is_some(),
            class_order: match self.class_names.is_empty() {
                true => ClassOrder::Natural,
                false => ClassOrder::Named(self.class_names.clone()),
            },
            skip_bad: self.skip_bad_images,
            threads: self.threads,
            cache,
            keep: true,
        })
    }

    /// The configuration as the text of `config.toml`.
    ///
    /// # Errors
    /// [`Error::ConfigText`] when a number cannot be written.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(config_text)
    }

    /// Reads a `config.toml`, by its name or that of its run folder.
    ///
    /// # Errors
    /// I/O; as [`Config::from_text`].
    pub fn read(path: &Path) -> Result<Config> {
        let path = if path.is_dir() { &path.join("config.toml") } else { path };
        let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
        debug!(path = %path.display(), "read a configuration");
        Config::from_text(path, &text)
    }

    /// Understands the text of a `config.toml`; `path` is for the errors' messages.
    ///
    /// # Errors
    /// [`Error::Config`] for what is not one, [`Error::ConfigValue`] for values that no run can have,
    /// and for layers that do not fit.
    pub fn from_text(path: &Path, text: &str) -> Result<Config> {
        let config = parse(text).map_err(|source| match source {
            Unreadable::Toml(source) => Error::Config { path: path.to_owned(), source },
            Unreadable::Value(source) => {
                Error::ConfigValue { path: path.to_owned(), source: source.into() }
            }
        })?;
        let problem = |source| Error::ConfigValue { path: path.to_owned(), source };
        config.check().map_err(problem)?;
        Ok(config)
    }
}

/// Why a text is no configuration.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error(transparent)]
    Value(#[from] OutOfRange),
}

/// What is not older is read as it stands, for the sake of lines in messages.
fn parse(text: &str) -> Result<Config, Unreadable> {
    let table: toml::Table = toml::from_str(text)?;
    match older::is_older(&table) {
        true => Ok(older::upgrade(table)?.try_into()?),
        false => Ok(toml::from_str(text)?),
    }
}

fn config_text(error: toml::ser::Error) -> Error {
    Error::ConfigText { problem: error.to_string() }
}

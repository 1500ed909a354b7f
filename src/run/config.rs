//! The configuration of a run: `config.toml`.

mod check;
mod difference;
mod older;
mod setting;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use tracing::debug;

use crate::data::{ClassOrder, Requirements, SearchPaths, Source};
use crate::device::cpu::default_threads;
use crate::device::{ConvolutionForm, DeviceChoice, Gemm, Precision};
use crate::file_error::FileError;
use crate::formats::stats::Measure;
use crate::gan::Model;
use crate::gan::dataset::Schedule;
use crate::gan::interval::Interval;
use crate::gan::preset::Preset;
use crate::gan::sample_grid::Grid;
use crate::gan::settings::Settings;
use crate::ranges::OutOfRange;
use crate::run::{Error, Result};
pub use check::ConfigProblem;

/// The configuration of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the GAN.
    pub preset: String,
    /// One-line description.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// Source of the GAN, such as a paper or repository.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub source: String,
    /// Notes.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// The data set: a known name, or the absolute path of a folder of images. Optional in a file,
    /// required for a run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub dataset: Option<Source>,
    /// The folder of a named data set's files; unset: the embedded digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// Class names by number; empty where classes are just numbers, and before the data set has
    /// been read.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub class_names: Vec<String>,
    /// Whether unreadable images of a folder are skipped.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_bad_images: bool,
    /// Seed of weight initialization, noise, labels, dropout masks and shuffling.
    #[serde(default)]
    pub seed: u64,
    /// Number of epochs; unset: limited by iterations only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub epochs: Option<u32>,
    /// Number of iterations; the limit that is reached first ends the run.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub iterations: Option<u32>,
    /// Interval between sample grids.
    pub sample_interval: Interval,
    /// Size of a sample grid, without classes.
    pub sample_grid: Grid,
    /// Iterations between log entries of losses.
    #[serde(default = "default::log_interval")]
    pub log_interval: u32,
    /// Interval between checkpoints; unset: every epoch, but at most one per minute.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoint_interval: Option<Interval>,
    /// Number of checkpoints to keep.
    #[serde(default = "default::keep")]
    pub keep: usize,
    /// Interval between evaluations of the generator; unset: never.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluate_interval: Option<Interval>,
    /// The score that selects the best checkpoint, which is kept in addition to the newest ones;
    /// unset: none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_best: Option<Measure>,
    /// Whether TensorBoard event files are written.
    #[serde(default = "default::tensorboard")]
    pub tensorboard: bool,
    /// The device.
    #[serde(default)]
    pub device: DeviceChoice,
    /// Precision of matrix multiplications on a GPU.
    #[serde(default = "default::precision")]
    pub precision: Precision,
    /// Matrix multiplications of fully connected layers on a GPU.
    #[serde(default = "default::gemm", skip_serializing_if = "default::is_cublas")]
    pub gemm: Gemm,
    /// Number of CPU threads.
    #[serde(default = "default_threads")]
    pub threads: usize,
    /// Convolution algorithm on the CPU.
    #[serde(default = "default::conv", skip_serializing_if = "default::is_direct")]
    pub conv: ConvolutionForm,
    /// The file with the generator's initial weights; unset: random initialization.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_generator: Option<PathBuf>,
    /// The same for the discriminator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub init_discriminator: Option<PathBuf>,
    /// The checkpoint of another run from which this run was branched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub branched_from: Option<PathBuf>,
    /// The networks and training hyperparameters.
    pub gan: Settings,
}

/// Default values.
mod default {
    use crate::device::{ConvolutionForm, Gemm, Precision};

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

    pub(super) fn gemm() -> Gemm {
        Gemm::Cublas
    }

    pub(super) fn is_cublas(gemm: &Gemm) -> bool {
        *gemm == Gemm::Cublas
    }

    pub(super) fn conv() -> ConvolutionForm {
        ConvolutionForm::Direct
    }

    pub(super) fn is_direct(form: &ConvolutionForm) -> bool {
        *form == ConvolutionForm::Direct
    }
}

impl Config {
    /// The configuration of a preset.
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
    /// [`Error::NoDataset`] if it is unset.
    pub fn dataset(&self) -> Result<&Source> {
        self.dataset.as_ref().ok_or_else(|| Error::NoDataset { name: self.preset.clone() })
    }

    /// The model of the GAN.
    ///
    /// # Errors
    /// [`Error::Model`] names the layer that does not fit; cannot occur after
    /// [`Config::from_text`].
    pub fn model(&self) -> Result<Model> {
        Ok(Model::new(self.gan.clone())?)
    }

    /// Title: name and summary.
    pub fn title(&self) -> String {
        match self.summary.is_empty() {
            true => self.preset.clone(),
            false => format!("{}: {}", self.preset, self.summary),
        }
    }

    /// Checks that a conditional GAN has as many classes as its data set; `path` is the file of
    /// this configuration.
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

    /// Total number of iterations on a data set whose batches are given by `schedule`.
    pub fn total(&self, schedule: Schedule) -> u32 {
        let of_epochs = |epochs: u32| u64::from(epochs) * schedule.iterations() as u64;
        let limits = [self.epochs.map(of_epochs), self.iterations.map(u64::from)];
        let total = limits.into_iter().flatten().min();
        total.and_then(|total| u32::try_from(total).ok()).unwrap_or(u32::MAX)
    }

    /// The requirements for the images of a run. Decoded images of a folder are cached in `cache`.
    ///
    /// # Errors
    /// As [`Config::dataset`].
    pub fn data_requirements(&self, cache: Option<PathBuf>) -> Result<Requirements> {
        Ok(Requirements {
            source: self.dataset()?.clone(),
            search_paths: SearchPaths { data_dir: self.data_dir.clone(), ..SearchPaths::default() },
            shape: self.gan.image,
            exact_size: false,
            classes: self.gan.classes.is_some(),
            class_order: match self.class_names.is_empty() {
                true => ClassOrder::Natural,
                false => ClassOrder::Named(self.class_names.clone()),
            },
            skip_bad: self.skip_bad_images,
            threads: self.threads,
            cache,
            write_cache: true,
        })
    }

    /// The configuration as the text of `config.toml`.
    ///
    /// # Errors
    /// [`Error::ConfigText`] if a number cannot be written.
    pub fn to_text(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(config_text)
    }

    /// Reads a `config.toml`, given its path or its run folder.
    ///
    /// # Errors
    /// I/O; as [`Config::from_text`].
    pub fn read(path: &Path) -> Result<Config> {
        let path = if path.is_dir() { &path.join("config.toml") } else { path };
        let text = std::fs::read_to_string(path).map_err(FileError::at("read", path))?;
        debug!(path = %path.display(), "read a configuration");
        Config::from_text(path, &text)
    }

    /// Parses the text of a `config.toml`; `path` is for error messages.
    ///
    /// # Errors
    /// [`Error::Config`] for invalid TOML, [`Error::ConfigValue`] for invalid values and for layers
    /// that do not fit.
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

/// Why a text cannot be parsed.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    #[error(transparent)]
    Toml(#[from] toml::de::Error),
    #[error(transparent)]
    Value(#[from] OutOfRange),
}

/// Files in the current format are parsed directly, so that error messages have line numbers.
fn parse(text: &str) -> Result<Config, Unreadable> {
    let table: toml::Table = toml::from_str(text)?;
    match older::is_older(&table) {
        true => Ok(older::upgrade(table)?.try_into()?),
        false => Ok(toml::from_str(text)?),
    }
}

pub(super) fn config_text(error: toml::ser::Error) -> Error {
    Error::ConfigText { problem: error.to_string() }
}

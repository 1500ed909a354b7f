//! The presets: `presets/*.toml`, compiled into the program.

use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::interval::Interval;
use super::model::{Model, ModelProblem};
use super::rewrite::Rewrite;
use super::sample_grid::Grid;
use super::settings::Settings;
use crate::data::DatasetKind;
use crate::ranges::OutOfRange;

/// A preset.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// Its name.
    #[serde(rename = "preset")]
    pub name: String,
    /// A description of one line.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub summary: String,
    /// The repository or tutorial that it reproduces.
    pub source: String,
    /// Notes: peculiarities, and values that the source does not state.
    pub notes: Vec<String>,
    /// The default data set.
    pub dataset: Option<DatasetKind>,
    /// Epochs in its source.
    pub epochs: u32,
    /// How often a sample grid is written.
    pub sample_interval: Interval,
    /// Rows and columns of a sample grid, without classes.
    pub sample_grid: Grid,
    /// Hyperparameters and networks.
    pub gan: Settings,
    /// The text of the preset's file.
    #[serde(skip)]
    pub text: &'static str,
}

impl Preset {
    /// The model of this preset.
    ///
    /// # Errors
    /// Only if the preset's file is wrong, which a test rules out.
    pub fn model(&self) -> Result<Model, ModelProblem> {
        Model::new(self.gan.clone())
    }

    /// The preset's settings with changed layers.
    ///
    /// # Errors
    /// [`OutOfRange`] if the preset has no layer that the change applies to.
    pub fn rewritten(&self, rewrite: &Rewrite) -> Result<Settings, OutOfRange> {
        let mut settings = self.gan.clone();
        rewrite.apply(&self.name, &mut settings)?;
        Ok(settings)
    }
}

macro_rules! files {
    ($($name:literal),*) => {
        [$(($name, include_str!(concat!("../../presets/", $name, ".toml")))),*]
    };
}

/// Name and text of every file.
const FILES: [(&str, &str); 11] = files![
    "mlp",
    "mlp-dropout",
    "cgan",
    "mlp-rgb",
    "mlp-batchnorm",
    "dcgan",
    "dcgan-rgb",
    "cdcgan",
    "cgan-ema",
    "wgan-gp",
    "r3gan-small"
];

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| FILES.map(parse).into());

/// Panics if an embedded file is invalid; a test parses all of them.
fn parse((name, text): (&str, &'static str)) -> Preset {
    match toml::from_str(text) {
        Ok(preset) => Preset { text, ..preset },
        Err(problem) => panic!("presets/{name}.toml: {problem}"),
    }
}

/// All presets.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The preset with this name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// All names, separated by commas, for messages.
pub fn names() -> String {
    FILES.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_its_presets_name_and_a_valid_model() {
        for ((name, _), preset) in FILES.iter().zip(presets()) {
            assert_eq!(preset.name, *name);
            preset.model().unwrap();
        }
    }
}

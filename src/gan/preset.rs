//! The published GANs: `presets/*.toml`, which are part of the program.

use std::sync::LazyLock;

use serde::Deserialize;

use super::arrangement::Grid;
use super::interval::Interval;
use super::model::{Model, ModelProblem};
use super::rewrite::Rewrite;
use super::settings::Settings;
use crate::data::DatasetKind;
use crate::ranges::OutOfRange;

/// A published GAN.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Preset {
    /// The name to ask for it by.
    #[serde(rename = "preset")]
    pub name: String,
    /// What it is, in a line.
    pub summary: String,
    /// Where it comes from.
    pub source: String,
    /// What is worth knowing about it, and what was inferred.
    pub notes: Vec<String>,
    /// The data set it is trained on unless another is asked for.
    pub dataset: Option<DatasetKind>,
    /// Epochs of the published run.
    pub epochs: u32,
    /// When a grid of samples is made.
    pub sample_interval: Interval,
    /// Samples in a grid, without classes.
    pub sample_grid: Grid,
    /// Everything else.
    pub gan: Settings,
    /// The text of its file.
    #[serde(skip)]
    pub text: &'static str,
}

impl Preset {
    /// The published GAN.
    ///
    /// # Errors
    /// None but for a mistake in its file.
    pub fn model(&self) -> Result<Model, ModelProblem> {
        Model::new(self.gan.clone())
    }

    /// Its settings with other layers.
    ///
    /// # Errors
    /// [`OutOfRange`] names what it has none of.
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
const FILES: [(&str, &str); 8] = files![
    "mlp",
    "mlp-dropout",
    "cgan",
    "mlp-rgb",
    "mlp-batchnorm",
    "dcgan",
    "dcgan-rgb",
    "cdcgan"
];

static PRESETS: LazyLock<Vec<Preset>> = LazyLock::new(|| FILES.map(parse).into());

/// A file of ours that cannot be read is a mistake in this crate, which its tests find.
fn parse((name, text): (&str, &'static str)) -> Preset {
    match toml::from_str(text) {
        Ok(preset) => Preset { text, ..preset },
        Err(problem) => panic!("presets/{name}.toml: {problem}"),
    }
}

/// All of them.
pub fn presets() -> &'static [Preset] {
    &PRESETS
}

/// The one of a name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// All names, for messages.
pub fn names() -> String {
    FILES.map(|(name, _)| name).join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_gan_of_its_name() {
        for ((name, _), preset) in FILES.iter().zip(presets()) {
            assert_eq!(preset.name, *name);
            preset.model().unwrap();
        }
    }
}

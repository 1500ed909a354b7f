//! A checkpoint's networks as a Python script for PyTorch.

mod module;

use std::path::PathBuf;

use super::Result;
use crate::data::ImageShape;
use crate::device::ops::Latent;
use crate::gan::Role;
use crate::gan::sample_grid::standard_grid;
use crate::gan::settings::Settings;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;

/// The script; names between two `@@` are replaced.
const SCRIPT: &str = include_str!("script.py");
/// The transform of uniform words, as in the CPU's `noise_sample`.
const NORMAL: &str = "    u = (words >> 8) / 2**24
    radius = np.sqrt(-2 * np.log(u[:, 0::2] + 2**-24))
    angle = 2 * np.pi * u[:, 1::2]
    numbers = np.stack((radius * np.cos(angle), radius * np.sin(angle)), axis=2)";
const UNIFORM: &str = "    numbers = (words >> 8) / 2**23 - 1";

/// The networks of a checkpoint as a Python script: classes `Generator` and `Discriminator`, which
/// load the checkpoint's files strictly, and a command line that generates the images of `sample`.
///
/// `weights` are the paths of the generator's and the discriminator's weights that the script loads
/// by default. It needs the packages torch, numpy and safetensors, and torchvision to write a
/// picture.
///
/// # Errors
/// [`Error::ModuleName`](super::Error::ModuleName); as [`super::Generator::of`].
pub fn script(checkpoint: &Checkpoint, config: &Config, weights: &[PathBuf; 2]) -> Result<String> {
    let model = snapshot::model(checkpoint, config)?;
    let classes: Vec<u32> = (0..config.gan.classes.unwrap_or(0) as u32).collect();
    let grid = standard_grid(config.sample_grid, &classes);
    let networks = [Role::Generator, Role::Discriminator]
        .map(|role| module::class(role, model.network(role), images(&config.gan, role)));
    let [generator, discriminator] = networks;
    let [generator_path, discriminator_path] =
        weights.each_ref().map(|path| quoted(&path.to_string_lossy()));
    let values = [
        ("VERSION", env!("CARGO_PKG_VERSION").to_owned()),
        ("TITLE", quoted_inside(&config.preset)),
        ("ITERATION", snapshot::iteration(checkpoint)?.to_string()),
        ("GENERATOR_PATH", generator_path),
        ("DISCRIMINATOR_PATH", discriminator_path),
        ("LATENT_DIM", config.gan.latent_dim.to_string()),
        ("CLASSES", classes.len().to_string()),
        ("COUNT", (grid.rows * grid.columns).to_string()),
        ("COLUMNS", grid.columns.to_string()),
        ("SEED", config.seed.to_string()),
        ("GENERATOR", generator?),
        ("DISCRIMINATOR", discriminator?),
        ("TRANSFORM", transform(config.gan.latent).to_owned()),
    ];
    Ok(filled(SCRIPT, &values))
}

/// The images that a network generates or takes; packed ones are one image with more channels.
fn images(settings: &Settings, role: Role) -> ImageShape {
    let pack = if role == Role::Discriminator { settings.pack } else { 1 };
    ImageShape { channels: pack * settings.image.channels, ..settings.image }
}

fn transform(latent: Latent) -> &'static str {
    match latent {
        Latent::Normal => NORMAL,
        Latent::Uniform => UNIFORM,
    }
}

/// The template with each `@@NAME@@` replaced, in one pass: values are not searched.
fn filled(template: &str, values: &[(&str, String)]) -> String {
    let value = |part: &str| values.iter().find(|(name, _)| *name == part);
    let parts = template.split("@@");
    parts.map(|part| value(part).map_or(part, |(_, value)| value)).collect()
}

/// A Python string literal. (JSON's escapes are Python's.)
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A text for the inside of a docstring.
fn quoted_inside(text: &str) -> String {
    let quoted = quoted(text);
    quoted[1..quoted.len() - 1].to_owned()
}

//! What a `config.toml` may say: the ranges of the flags, and what its set-up can honour.

use std::fmt::Display;

use super::Config;
use crate::gan::preset::{self, Preset};
use crate::gan::settings::Settings;
use crate::nn::Init;
use crate::ranges::{self, Range};

/// A value that a configuration cannot have.
#[derive(Debug, thiserror::Error)]
#[error("{key} is {value}, but must be {expected}")]
pub struct ConfigProblem {
    /// The key, as `gan.batch_size`.
    pub key: &'static str,
    /// What stands there.
    pub value: String,
    /// What may stand there, in words.
    pub expected: String,
}

type Checked = Result<(), ConfigProblem>;

impl Config {
    /// Makes sure that every value is one that flags can give, too.
    ///
    /// # Errors
    /// The first that is not.
    pub fn check(&self) -> Checked {
        let preset = preset::find(&self.preset)
            .ok_or_else(|| problem("preset", &self.preset, preset::names()))?;
        within("seed", self.seed, ranges::SEED)?;
        within("epochs", self.epochs.into(), ranges::EPOCHS)?;
        within("iterations", self.iterations.unwrap_or(1).into(), ranges::ITERATIONS)?;
        within("log_interval", self.log_interval.into(), ranges::ITERATIONS)?;
        size("keep", self.keep, ranges::EXTENT)?;
        size("threads", self.threads, ranges::THREADS)?;
        check_image(&self.gan)?;
        check_networks(&self.gan)?;
        check_learning(&self.gan)?;
        check_fit(&self.gan, preset)
    }
}

fn check_image(gan: &Settings) -> Checked {
    let image = gan.image;
    size("gan.image.height", image.height, ranges::IMAGE_SIZE)?;
    if image.width != image.height {
        return Err(problem("gan.image.width", image.width, "the height: images are square"));
    }
    match image.channels {
        1 | 3 => Ok(()),
        other => Err(problem("gan.image.channels", other, "1 (grey) or 3 (colour)")),
    }
}

fn check_networks(gan: &Settings) -> Checked {
    size("gan.batch_size", gan.batch_size, ranges::EXTENT)?;
    size("gan.latent_dim", gan.latent_dim, ranges::EXTENT)?;
    for (key, widths) in [("gan.g_hidden", &gan.g_hidden), ("gan.d_hidden", &gan.d_hidden)] {
        if !ranges::LAYERS.holds(widths.len() as u64) {
            let expected = format!("{} of widths", ranges::LAYERS);
            return Err(problem(key, format!("{} widths", widths.len()), expected));
        }
        widths.iter().try_for_each(|&width| size(key, width, ranges::EXTENT))?;
    }
    Ok(())
}

fn check_learning(gan: &Settings) -> Checked {
    within("gan.lr", gan.lr, ranges::LEARNING_RATE)?;
    within("gan.b1", gan.b1, ranges::SHARE)?;
    within("gan.b2", gan.b2, ranges::SHARE)?;
    within("gan.adam_eps", gan.adam_eps, ranges::EPSILON)?;
    within("gan.d_loss_scale", gan.d_loss_scale, ranges::FACTOR)?;
    match gan.init {
        Init::Normal(deviation) => within("gan.init", deviation, ranges::DEVIATION),
        Init::Default => Ok(()),
    }
}

/// What one preset has and another has not.
fn check_fit(gan: &Settings, preset: &Preset) -> Checked {
    let own = &preset.settings;
    let [classes, own_classes] = [gan.classes, own.classes].map(|it| it.map(|n| n as u64));
    fits("gan.classes", classes, own_classes, ranges::CLASSES, preset)?;
    for (key, value, has, range) in [
        ("gan.leaky_slope", gan.leaky_slope, own.leaky_slope, ranges::POSITIVE_SHARE),
        ("gan.dropout", gan.dropout, own.dropout, ranges::SHARE),
        ("gan.bn_eps", gan.bn_eps, own.bn_eps, ranges::EPSILON),
        ("gan.bn_momentum", gan.bn_momentum, own.bn_momentum, ranges::POSITIVE_SHARE),
    ] {
        fits(key, value, has, range, preset)?;
    }
    if gan.bn_eps.is_some() && gan.batch_size == 1 {
        let expected = format!("2 or more: preset {} has BatchNorm", preset.name);
        return Err(problem("gan.batch_size", 1, expected));
    }
    Ok(())
}

/// A conditional set-up has as many classes as its data set.
pub(super) fn same_classes(gan: &Settings, classes: usize) -> Checked {
    match gan.classes {
        Some(other) if other != classes => {
            Err(problem("gan.classes", other, format!("{classes}, as the data set has")))
        }
        _ => Ok(()),
    }
}

/// A value that is there where the preset has one, and in its range.
fn fits<T: Copy + PartialOrd + Display>(
    key: &'static str,
    value: Option<T>,
    own: Option<T>,
    range: Range<T>,
    preset: &Preset,
) -> Checked
where
    Range<T>: Display,
{
    let name = preset.name;
    match (value, own) {
        (Some(value), Some(_)) => within(key, value, range),
        (None, None) => Ok(()),
        (Some(value), None) => {
            Err(problem(key, value, format!("left out: preset {name} has none")))
        }
        (None, Some(_)) => Err(problem(key, "missing", format!("{range} with preset {name}"))),
    }
}

fn size(key: &'static str, value: usize, range: Range<u64>) -> Checked {
    within(key, value as u64, range)
}

fn within<T: Copy + PartialOrd + Display>(key: &'static str, value: T, range: Range<T>) -> Checked
where
    Range<T>: Display,
{
    if range.holds(value) { Ok(()) } else { Err(problem(key, value, range)) }
}

fn problem(key: &'static str, value: impl Display, expected: impl Display) -> ConfigProblem {
    ConfigProblem { key, value: value.to_string(), expected: expected.to_string() }
}

//! Validation of `config.toml`: the ranges of the flags, and layers that fit.

use std::fmt::Display;

use super::Config;
use crate::gan::Model;
use crate::gan::model::ModelProblem;
use crate::gan::settings::Settings;
use crate::nn::Init;
use crate::ranges::{self, OutOfRange, Range};

/// Why a configuration is invalid.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigProblem {
    /// A value is out of range.
    #[error(transparent)]
    Value(#[from] OutOfRange),

    /// Layers do not fit.
    #[error(transparent)]
    Model(#[from] ModelProblem),
}

type Checked = Result<(), OutOfRange>;

impl Config {
    /// Checks that every value is within the range of its flag, and that the layers of both
    /// networks fit.
    ///
    /// # Errors
    /// The first problem.
    pub fn check(&self) -> Result<(), ConfigProblem> {
        within("seed", self.seed, ranges::SEED)?;
        if (self.epochs, self.iterations) == (None, None) {
            return Err(OutOfRange::new("epochs", "missing", "set, or iterations").into());
        }
        within("epochs", self.epochs.unwrap_or(1).into(), ranges::EPOCHS)?;
        within("iterations", self.iterations.unwrap_or(1).into(), ranges::ITERATIONS)?;
        within("log_interval", self.log_interval.into(), ranges::ITERATIONS)?;
        size("keep", self.keep, ranges::EXTENT)?;
        if let (Some(measure), None) = (self.keep_best, self.evaluate_interval) {
            let expected = "unset, because evaluate_interval is not set";
            return Err(OutOfRange::new("keep_best", measure, expected).into());
        }
        size("threads", self.threads, ranges::THREADS)?;
        check_image(&self.gan)?;
        check_class_names(self)?;
        check_sizes(&self.gan)?;
        check_learning(&self.gan)?;
        let model = Model::new(self.gan.clone())?;
        if model.normalizes() && self.gan.batch_size == 1 {
            let expected = format!("2 or more, because {} has BatchNorm", self.preset);
            return Err(OutOfRange::new("gan.batch_size", 1, expected).into());
        }
        Ok(())
    }
}

fn check_image(gan: &Settings) -> Checked {
    let image = gan.image;
    size("gan.image.height", image.height, ranges::IMAGE_SIZE)?;
    if image.width != image.height {
        return Err(OutOfRange::new(
            "gan.image.width",
            image.width,
            "the height: images are square",
        ));
    }
    match image.channels {
        1 | 3 => Ok(()),
        other => Err(OutOfRange::new("gan.image.channels", other, "1 (grey) or 3 (colour)")),
    }
}

fn check_class_names(config: &Config) -> Checked {
    let names = config.class_names.len();
    match config.gan.classes {
        Some(classes) if names > 0 && names != classes => {
            let expected = format!("{classes} names, one per class (gan.classes)");
            Err(OutOfRange::new("class_names", format!("{names} names"), expected))
        }
        _ => Ok(()),
    }
}

fn check_sizes(gan: &Settings) -> Checked {
    size("gan.batch_size", gan.batch_size, ranges::EXTENT)?;
    size("gan.latent_dim", gan.latent_dim, ranges::EXTENT)?;
    size("gan.classes", gan.classes.unwrap_or(1), ranges::CLASSES)
}

fn check_learning(gan: &Settings) -> Checked {
    within("gan.lr", gan.lr, ranges::LEARNING_RATE)?;
    within("gan.b1", gan.b1, ranges::FRACTION)?;
    within("gan.b2", gan.b2, ranges::FRACTION)?;
    within("gan.adam_eps", gan.adam_eps, ranges::EPSILON)?;
    within("gan.d_loss_scale", gan.d_loss_scale, ranges::FACTOR)?;
    match gan.init {
        Init::Normal(deviation) => within("gan.init", deviation, ranges::STANDARD_DEVIATION),
        Init::Default => Ok(()),
    }
}

/// A conditional GAN has as many classes as its data set.
pub(super) fn same_classes(gan: &Settings, classes: usize) -> Checked {
    match gan.classes {
        Some(other) if other != classes => {
            let expected = format!(
                "{classes}, the number of classes in the data set, with first layers of both networks to match"
            );
            Err(OutOfRange::new("gan.classes", other, expected))
        }
        _ => Ok(()),
    }
}

fn size(key: &'static str, value: usize, range: Range<u64>) -> Checked {
    within(key, value as u64, range)
}

fn within<T: Copy + PartialOrd + Display>(key: &'static str, value: T, range: Range<T>) -> Checked
where
    Range<T>: Display,
{
    if range.contains(value) { Ok(()) } else { Err(OutOfRange::new(key, value, range)) }
}

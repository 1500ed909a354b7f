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
        let least = model.least_batch();
        if self.gan.batch_size < least {
            let expected = format!("{least} or more, because {} has BatchNorm", self.preset);
            return Err(OutOfRange::new("gan.batch_size", self.gan.batch_size, expected).into());
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
    size("gan.pack", gan.pack, ranges::PACK)?;
    if !gan.batch_size.is_multiple_of(gan.pack) {
        let expected = format!("a multiple of pack, which is {}", gan.pack);
        return Err(OutOfRange::new("gan.batch_size", gan.batch_size, expected));
    }
    size("gan.latent_dim", gan.latent_dim, ranges::EXTENT)?;
    size("gan.classes", gan.classes.unwrap_or(1), ranges::CLASSES)
}

fn check_learning(gan: &Settings) -> Checked {
    within("gan.lr", gan.lr, ranges::LEARNING_RATE)?;
    within("gan.lr_g", gan.lr_g.unwrap_or(gan.lr), ranges::LEARNING_RATE)?;
    within("gan.lr_d", gan.lr_d.unwrap_or(gan.lr), ranges::LEARNING_RATE)?;
    within("gan.b1", gan.b1, ranges::FRACTION)?;
    within("gan.b2", gan.b2, ranges::FRACTION)?;
    within("gan.adam_eps", gan.adam_eps, ranges::EPSILON)?;
    within("gan.d_loss_scale", gan.d_loss_scale, ranges::FACTOR)?;
    check_penalties(gan)?;
    check_real_label(gan)?;
    within("gan.n_critic", gan.n_critic.into(), ranges::PERIOD)?;
    if let Some(decay) = gan.ema {
        within("gan.ema", decay, ranges::FRACTION)?;
        if decay == 0.0 {
            return Err(OutOfRange::new("gan.ema", decay, "left out for no average"));
        }
    }
    within("gan.ema_warmup", gan.ema_warmup.into(), ranges::AVERAGE_WARMUP)?;
    if gan.ema.is_none() && gan.ema_warmup > 0 {
        let expected = "left out, because ema is not set";
        return Err(OutOfRange::new("gan.ema_warmup", gan.ema_warmup, expected));
    }
    match gan.init {
        Init::Normal(deviation) => within("gan.init", deviation, ranges::STANDARD_DEVIATION),
        Init::Default => Ok(()),
    }
}

fn check_penalties(gan: &Settings) -> Checked {
    within("gan.r1", gan.r1, ranges::PENALTY)?;
    within("gan.r2", gan.r2, ranges::PENALTY)?;
    within("gan.gp", gan.gp, ranges::PENALTY)?;
    within("gan.penalty_interval", gan.penalty_interval.into(), ranges::PERIOD)?;
    if gan.penalty_interval > 1 && !gan.is_penalized() {
        let expected = "left out, because there is no penalty: r1, r2 and gp are 0";
        return Err(OutOfRange::new("gan.penalty_interval", gan.penalty_interval, expected));
    }
    Ok(())
}

/// Only some losses have targets.
fn check_real_label(gan: &Settings) -> Checked {
    within("gan.real_label", gan.real_label, ranges::POSITIVE_FRACTION)?;
    if gan.real_label != 1.0 && !gan.loss.has_targets() {
        let expected = format!("left out: the loss {} has no targets", gan.loss);
        return Err(OutOfRange::new("gan.real_label", gan.real_label, expected));
    }
    Ok(())
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

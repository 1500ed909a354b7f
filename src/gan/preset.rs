//! The table of published set-ups.
//!
//! A row holds what a set-up is; a new one is a new row. Values that may be overridden are in
//! its [`Settings`].

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::LazyLock;

use serde::{Deserialize, Serialize};

use super::settings::{Fakes, Loss, Order, Settings};
use crate::data::{DatasetKind, ImageShape};
use crate::device::ops::Latent;
use crate::nn::Init;
use crate::ranges;

/// A published set-up.
#[derive(Debug)]
pub struct Preset {
    /// The name to ask for it by.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Where it comes from.
    pub source: &'static str,
    /// What is worth knowing about it, and what was inferred.
    pub notes: &'static [&'static str],
    /// The data set it is trained on unless another is asked for.
    pub dataset: Option<DatasetKind>,
    /// What stands before the module's index in a state_dict key.
    pub key_prefix: &'static str,
    /// The generator's hidden activation.
    pub g_activation: HiddenActivation,
    /// The discriminator's hidden activation.
    pub d_activation: HiddenActivation,
    /// Where the discriminator drops activations.
    pub d_dropout: Option<DropoutPlace>,
    /// Whether an epoch's short last batch is dropped.
    pub drop_last: bool,
    /// Epochs of the published run.
    pub epochs: u32,
    /// When a grid of samples is made.
    pub sample_interval: Interval,
    /// Samples in a grid, without classes.
    pub grid: Grid,
    /// Everything else, and what flags can change.
    pub settings: Settings,
}

/// The activation between a network's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HiddenActivation {
    /// max(x, 0).
    Relu,
    /// x or slope · x; the slope is a setting.
    LeakyRelu,
}

/// Where a discriminator's dropout stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropoutPlace {
    /// Behind each hidden layer's activation.
    AfterActivation,
    /// Before each hidden layer's activation, but for the first layer.
    BeforeActivation,
}

/// How often something is done: in files a number of iterations or the word "epoch".
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "IntervalText", into = "IntervalText")]
pub enum Interval {
    /// Every so many iterations.
    Iterations(NonZeroU32),
    /// At the end of each epoch.
    Epoch,
}

/// An [`Interval`] as TOML has it.
#[derive(Clone, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a whole number of iterations from 1, or \"epoch\"")]
enum IntervalText {
    Number(NonZeroU32),
    Word(EpochWord),
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum EpochWord {
    Epoch,
}

impl From<IntervalText> for Interval {
    fn from(text: IntervalText) -> Self {
        match text {
            IntervalText::Number(every) => Interval::Iterations(every),
            IntervalText::Word(EpochWord::Epoch) => Interval::Epoch,
        }
    }
}

impl From<Interval> for IntervalText {
    fn from(interval: Interval) -> Self {
        match interval {
            Interval::Iterations(every) => IntervalText::Number(every),
            Interval::Epoch => IntervalText::Word(EpochWord::Epoch),
        }
    }
}

impl FromStr for Interval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match (text, text.parse()) {
            ("epoch", _) => Ok(Interval::Epoch),
            (_, Ok(every)) => Ok(Interval::Iterations(every)),
            _ => Err(format!("must be {} (of iterations), or 'epoch'", ranges::ITERATIONS)),
        }
    }
}

impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Interval::Iterations(every) => write!(f, "{every} iterations"),
            Interval::Epoch => f.write_str("epoch"),
        }
    }
}

/// A sample grid's extents; in a conditional set-up there is a row per class instead.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows of images.
    pub rows: usize,
    /// Columns of images.
    pub columns: usize,
}

/// All set-ups.
pub fn presets() -> &'static [Preset] {
    &*PRESETS
}

/// The set-up of a name.
pub fn find(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// The names of all set-ups, for messages.
pub(crate) fn names() -> String {
    let names: Vec<_> = presets().iter().map(|preset| preset.name).collect();
    names.join(", ")
}

const DIGITS: ImageShape = ImageShape { channels: 1, height: 28, width: 28 };

fn every(iterations: u32) -> Interval {
    Interval::Iterations(NonZeroU32::new(iterations).unwrap_or(NonZeroU32::MIN))
}

/// What most rows share.
fn common() -> Settings {
    Settings {
        latent_dim: 100,
        latent: Latent::Normal,
        g_hidden: vec![128, 256, 512, 1024],
        d_hidden: vec![512, 256],
        classes: None,
        loss: Loss::Bce,
        d_loss_scale: 1.0,
        order: Order::DFirst,
        fakes: Fakes::Same,
        leaky_slope: None,
        dropout: None,
        bn_eps: None,
        bn_momentum: None,
        d_final_relu: false,
        init: Init::Default,
        batch_size: 64,
        lr: 2e-4,
        b1: 0.5,
        b2: 0.999,
        adam_eps: 1e-8,
        image: DIGITS,
    }
}

static PRESETS: LazyLock<[Preset; 5]> = LazyLock::new(|| {
    [
        Preset {
            name: "mlp",
            summary: "a plain MLP GAN with uniform noise and a loss on logits",
            source: "course report on MNIST, after the widespread CS231n GAN tutorial",
            notes: &[
                "inferred, since the source does not show them: the form of the loss, Adam's \
                 setting and the scaling of images (from the tutorial it follows)",
            ],
            dataset: Some(DatasetKind::Mnist),
            key_prefix: "",
            g_activation: HiddenActivation::Relu,
            d_activation: HiddenActivation::LeakyRelu,
            d_dropout: None,
            drop_last: false,
            epochs: 210,
            sample_interval: every(250),
            grid: Grid { rows: 8, columns: 8 },
            settings: Settings {
                latent_dim: 96,
                latent: Latent::Uniform,
                g_hidden: vec![1024, 1024],
                d_hidden: vec![256, 256],
                loss: Loss::BceLogits,
                leaky_slope: Some(0.2),
                lr: 3e-4,
                batch_size: 256,
                ..common()
            },
        },
        Preset {
            name: "mlp-dropout",
            summary: "an MLP GAN whose discriminator drops 30 % of its activations",
            source: "tutorial on MNIST",
            notes: &["weights begin as N(0, 0.02), biases as PyTorch's default"],
            dataset: Some(DatasetKind::Mnist),
            key_prefix: "model.",
            g_activation: HiddenActivation::Relu,
            d_activation: HiddenActivation::Relu,
            d_dropout: Some(DropoutPlace::AfterActivation),
            drop_last: false,
            epochs: 100,
            sample_interval: Interval::Epoch,
            grid: Grid { rows: 8, columns: 8 },
            settings: Settings {
                g_hidden: vec![256, 512, 1024],
                d_hidden: vec![1024, 512, 256],
                dropout: Some(0.3),
                init: Init::Normal(0.02),
                batch_size: 128,
                ..common()
            },
        },
        Preset {
            name: "cgan",
            summary: "a conditional GAN: asks for a class, gets an image of it",
            source: "course report on Fashion-MNIST, after PyTorch-GAN's cgan.py \
                     (63 min 10.9 s for 200 epochs on a laptop GPU)",
            notes: &[
                "inferred, since the source does not show it: squared error as the loss (from \
                 its first printed losses, 0.97 and 0.48)",
                "BatchNorm's eps is 0.8: the source writes BatchNorm1d(n, 0.8), whose second \
                 argument is eps; parity means keeping it",
            ],
            dataset: Some(DatasetKind::Mnist),
            key_prefix: "model.",
            g_activation: HiddenActivation::LeakyRelu,
            d_activation: HiddenActivation::LeakyRelu,
            d_dropout: Some(DropoutPlace::BeforeActivation),
            drop_last: false,
            epochs: 200,
            sample_interval: every(400),
            grid: Grid { rows: 10, columns: 10 },
            settings: Settings {
                d_hidden: vec![512, 512, 512],
                classes: Some(10),
                loss: Loss::Mse,
                d_loss_scale: 0.5,
                order: Order::GFirst,
                leaky_slope: Some(0.2),
                dropout: Some(0.4),
                bn_eps: Some(0.8),
                bn_momentum: Some(0.1),
                ..common()
            },
        },
        Preset {
            name: "mlp-rgb",
            summary: "colour images, 3×128×128 (faces, say), by an MLP GAN",
            source: "course report on faces, after PyTorch-GAN's gan.py",
            notes: &[
                "has no default data set: the source's images are not free to pass on",
                "a known effect: saturation and contrast of the samples rise as training goes on",
                "BatchNorm's eps is 0.8, as the source writes it",
            ],
            dataset: None,
            key_prefix: "model.",
            g_activation: HiddenActivation::LeakyRelu,
            d_activation: HiddenActivation::LeakyRelu,
            d_dropout: None,
            drop_last: false,
            epochs: 50,
            sample_interval: every(500),
            grid: Grid { rows: 5, columns: 5 },
            settings: Settings {
                fakes: Fakes::Fresh,
                leaky_slope: Some(0.2),
                bn_eps: Some(0.8),
                bn_momentum: Some(0.1),
                image: ImageShape { channels: 3, height: 128, width: 128 },
                ..common()
            },
        },
        Preset {
            name: "mlp-batchnorm",
            summary: "an MLP GAN with BatchNorm in the generator",
            source: "course report on MNIST, after PyTorch-GAN's gan.py",
            notes: &[
                "the source has one more ReLU between the discriminator's last linear layer and \
                 its sigmoid; it kills the discriminator whenever the last logit begins negative \
                 (3 of 8 seeds in PyTorch: both losses stay at ln 2 and nothing learns), so it is \
                 left out; --d-final-relu puts it in",
                "BatchNorm's eps is 0.8, as the source writes it",
            ],
            dataset: Some(DatasetKind::Mnist),
            key_prefix: "model.",
            g_activation: HiddenActivation::LeakyRelu,
            d_activation: HiddenActivation::Relu,
            d_dropout: None,
            drop_last: true,
            epochs: 99,
            sample_interval: every(1000),
            grid: Grid { rows: 5, columns: 5 },
            settings: Settings {
                d_hidden: vec![512, 256, 128],
                d_loss_scale: 0.5,
                order: Order::GFirst,
                leaky_slope: Some(0.2),
                bn_eps: Some(0.8),
                bn_momentum: Some(0.1),
                lr: 1e-4,
                b1: 0.9,
                ..common()
            },
        },
    ]
});

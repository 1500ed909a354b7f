//! The settings of a GAN: hyperparameters, loss function, and both networks.

use serde::{Deserialize, Serialize};

use super::role::Role;
use crate::choice::choices;
use crate::data::ImageShape;
use crate::device::ops::{Adam, Criterion, Latent};
use crate::nn::{Init, Sequence};

/// The settings of a GAN: the table `[gan]` of its TOML file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Latent dimension: numbers in a noise vector.
    pub latent_dim: usize,
    /// Latent distribution.
    pub latent: Latent,
    /// Number of classes of a conditional GAN.
    pub classes: Option<usize>,
    /// Loss function.
    pub loss: Loss,
    /// Factor of the discriminator's loss: d_loss_scale · (real loss + fake loss).
    pub d_loss_scale: f64,
    /// Which network is updated first.
    pub order: Order,
    /// Whether the second update uses new fakes.
    pub fakes: Fakes,
    /// Weight initialization.
    pub init: Init,
    /// Batch size.
    pub batch_size: usize,
    /// Whether an incomplete last batch of an epoch is dropped.
    pub drop_last: bool,
    /// Adam's learning rate.
    pub lr: f64,
    /// Adam's β₁.
    pub b1: f64,
    /// Adam's β₂.
    pub b2: f64,
    /// Adam's ε.
    pub adam_eps: f64,
    /// The shape of an image.
    pub image: ImageShape,
    /// The generator, layer by layer.
    pub generator: Layers,
    /// The discriminator, layer by layer.
    pub discriminator: Layers,
}

/// A network as the TOML file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// The parts of the input, which are concatenated.
    pub input: Vec<InputPart>,
    /// The key of the label's embedding in PyTorch's `state_dict`.
    #[serde(default = "Layers::default_label_key", skip_serializing_if = "is_default_label_key")]
    pub label_key: String,
    /// The layers.
    pub sequences: Vec<Sequence>,
}

impl Layers {
    /// The key of the label's embedding in the presets.
    pub fn default_label_key() -> String {
        "label_embedding".to_owned()
    }
}

fn is_default_label_key(key: &str) -> bool {
    key == Layers::default_label_key()
}

choices! {
    /// A part of a network's input.
    pub enum InputPart {
        /// Noise: `latent_dim` random numbers.
        Noise = "noise",
        /// A real or generated image.
        Image = "image",
        /// The embedding of a class label; its dimension is the number of classes.
        Label = "label",
    }
}

impl Loss {
    /// Whether the loss expects probabilities: the discriminator then ends in a Sigmoid, which the
    /// engine computes together with the loss.
    pub fn takes_probabilities(self) -> bool {
        match self {
            Loss::Bce => true,
            Loss::BceLogits | Loss::Mse => false,
        }
    }

    /// A loss above this threshold has exploded. Squared error reaches it when outputs are 100 away
    /// from their targets of 0 and 1; cross-entropy of logits when they are 10,000 away from zero
    /// on the wrong side. Cross-entropy of probabilities is clamped at 100 for an image.
    pub fn explosion_threshold(self) -> f64 {
        match self {
            Loss::Bce => 50.0,
            Loss::BceLogits | Loss::Mse => 1e4,
        }
    }

    /// The device's operation for this loss.
    pub(super) fn criterion(self) -> Criterion {
        match self {
            Loss::BceLogits => Criterion::CrossEntropy,
            Loss::Bce => Criterion::SaturatingCrossEntropy,
            Loss::Mse => Criterion::SquaredError,
        }
    }
}

impl Settings {
    /// Adam's constants.
    pub fn adam(&self) -> Adam {
        Adam { lr: self.lr, b1: self.b1, b2: self.b2, eps: self.adam_eps }
    }

    /// The layers of a network.
    pub fn layers(&self, role: Role) -> &Layers {
        match role {
            Role::Generator => &self.generator,
            Role::Discriminator => &self.discriminator,
        }
    }

    /// The layers of a network, mutable.
    pub fn layers_mut(&mut self, role: Role) -> &mut Layers {
        match role {
            Role::Generator => &mut self.generator,
            Role::Discriminator => &mut self.discriminator,
        }
    }
}

choices! {
    /// Loss functions.
    pub enum Loss {
        /// Binary cross-entropy with logits, as PyTorch's BCEWithLogitsLoss.
        BceLogits = "bce-logits",
        /// Binary cross-entropy of a probability: the discriminator ends in a sigmoid. Like
        /// PyTorch's BCELoss, it is at most 100 and has almost no gradient where the sigmoid
        /// saturates.
        Bce = "bce",
        /// Mean squared error of the raw output (least-squares GAN).
        Mse = "mse",
    }

    /// The order of the two updates of an iteration.
    pub enum Order {
        /// The discriminator first.
        DFirst = "d-first",
        /// The generator first.
        GFirst = "g-first",
    }

    /// The fakes of the second update of an iteration.
    pub enum Fakes {
        /// The fakes of the first update: one generator pass per iteration.
        Same = "same",
        /// New fakes, generated from new noise.
        Fresh = "fresh",
    }
}

//! Every value of a GAN: the losses, how it learns, and both networks.

use serde::{Deserialize, Serialize};

use super::role::Role;
use crate::choice::choices;
use crate::data::ImageShape;
use crate::device::ops::{Adam, Latent, Score};
use crate::nn::{Init, Sequence};

/// The values of a GAN: what stands below `[gan]` in its TOML file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Numbers in a row of noise.
    pub latent_dim: usize,
    /// Distribution of the noise.
    pub latent: Latent,
    /// Classes of a conditional GAN.
    pub classes: Option<usize>,
    /// The formula of the losses.
    pub loss: Loss,
    /// Factor of the discriminator's loss, which is real + fake.
    pub d_loss_scale: f64,
    /// Which network is updated first.
    pub order: Order,
    /// Whether the second update draws images of its own.
    pub fakes: Fakes,
    /// How weights begin.
    pub init: Init,
    /// Images in a batch.
    pub batch_size: usize,
    /// Whether an epoch's short last batch is dropped.
    pub drop_last: bool,
    /// Adam's learning rate.
    pub lr: f64,
    /// Adam's first decay.
    pub b1: f64,
    /// Adam's second decay.
    pub b2: f64,
    /// Adam's epsilon.
    pub adam_eps: f64,
    /// The shape of one image.
    pub image: ImageShape,
    /// The generator, layer by layer.
    pub generator: Layers,
    /// The discriminator, layer by layer.
    pub discriminator: Layers,
}

/// A network as its TOML file describes it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Layers {
    /// What goes in, side by side.
    pub input: Vec<InputPart>,
    /// The layers.
    pub sequences: Vec<Sequence>,
}

choices! {
    /// A part of a network's input.
    pub enum InputPart {
        /// Random numbers, `latent_dim` of them.
        Noise = "noise",
        /// An image, real or generated.
        Image = "image",
        /// The embedding of a class label, as many features as there are classes.
        Label = "label",
    }
}

impl Loss {
    /// Whether it is of probabilities: the discriminator then ends in a Sigmoid, which the engine
    /// computes with the loss.
    pub fn is_of_probabilities(self) -> bool {
        match self {
            Loss::Bce => true,
            Loss::BceLogits | Loss::Mse => false,
        }
    }

    /// No healthy loss comes near it. Squared error has it where outputs are a hundred from their
    /// targets of 0 and 1, cross-entropy where logits are ten thousand from zero on the wrong side;
    /// that of probabilities is cut off at 100 for an image.
    pub fn exploded(self) -> f64 {
        match self {
            Loss::Bce => 50.0,
            Loss::BceLogits | Loss::Mse => 1e4,
        }
    }

    /// How a device scores it.
    pub(super) fn score(self) -> Score {
        match self {
            Loss::BceLogits => Score::CrossEntropy,
            Loss::Bce => Score::SaturatingCrossEntropy,
            Loss::Mse => Score::SquaredError,
        }
    }
}

impl Settings {
    /// Adam's constants.
    pub fn adam(&self) -> Adam {
        Adam { lr: self.lr, b1: self.b1, b2: self.b2, eps: self.adam_eps }
    }

    /// A network's description.
    pub fn layers(&self, role: Role) -> &Layers {
        match role {
            Role::Generator => &self.generator,
            Role::Discriminator => &self.discriminator,
        }
    }

    /// The same, to change.
    pub fn layers_mut(&mut self, role: Role) -> &mut Layers {
        match role {
            Role::Generator => &mut self.generator,
            Role::Discriminator => &mut self.discriminator,
        }
    }
}

choices! {
    /// Loss formulas.
    pub enum Loss {
        /// Binary cross-entropy of a logit.
        BceLogits = "bce-logits",
        /// Binary cross-entropy of a probability: the discriminator ends in a sigmoid. As PyTorch's
        /// BCELoss it is at most 100, with next to no gradient where the sigmoid is saturated.
        Bce = "bce",
        /// Squared error of the raw output (least-squares GAN).
        Mse = "mse",
    }

    /// The order of an iteration's two updates.
    pub enum Order {
        /// The discriminator first.
        DFirst = "d-first",
        /// The generator first.
        GFirst = "g-first",
    }

    /// The generated images of an iteration's second update.
    pub enum Fakes {
        /// Those of the first update: one generator pass an iteration.
        Same = "same",
        /// New ones from fresh noise.
        Fresh = "fresh",
    }
}

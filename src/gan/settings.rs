//! Every value of a set-up that can be changed; a preset is a choice of all of them.

use serde::{Deserialize, Serialize};

use crate::choice::choices;
use crate::data::ImageShape;
use crate::device::ops::{Adam, Latent};
use crate::nn::Init;

/// The values of a set-up. `None` where the preset has no such thing.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Numbers in a row of noise.
    pub latent_dim: usize,
    /// Distribution of the noise.
    pub latent: Latent,
    /// Widths of the generator's hidden layers.
    pub g_hidden: Vec<usize>,
    /// Widths of the discriminator's hidden layers.
    pub d_hidden: Vec<usize>,
    /// Classes of a conditional set-up.
    pub classes: Option<usize>,
    /// The formula of the losses.
    pub loss: Loss,
    /// Factor of the discriminator's loss, which is real + fake.
    pub d_loss_scale: f64,
    /// Which network is updated first.
    pub order: Order,
    /// Whether the second update draws images of its own.
    pub fakes: Fakes,
    /// Slope of LeakyReLU.
    pub leaky_slope: Option<f64>,
    /// Share of activations that the discriminator's dropout sets to zero.
    pub dropout: Option<f64>,
    /// Eps of BatchNorm.
    pub bn_eps: Option<f64>,
    /// Momentum of BatchNorm's running statistics.
    pub bn_momentum: Option<f64>,
    /// One more ReLU behind the discriminator's last linear layer.
    pub d_final_relu: bool,
    /// How weights begin.
    pub init: Init,
    /// Images in a batch.
    pub batch_size: usize,
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
}

impl Settings {
    /// Adam's constants.
    pub fn adam(&self) -> Adam {
        Adam { lr: self.lr, b1: self.b1, b2: self.b2, eps: self.adam_eps }
    }
}

choices! {
    /// Loss formulas.
    pub enum Loss {
        /// Binary cross-entropy of a logit.
        BceLogits = "bce-logits",
        /// Binary cross-entropy of a probability: the discriminator ends in a sigmoid. Computed
        /// from the logit all the same, which is stable.
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

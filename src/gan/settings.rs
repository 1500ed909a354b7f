//! The settings of a GAN: hyperparameters, loss function, and both networks.

mod defaults;

use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::role::Role;
use crate::choice::choices;
use crate::data::ImageShape;
use crate::device::ops::{
    Adam, AugmentShape, Augmentations, Average, Criterion, Latent, LrDecay, Penalty,
};
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
    /// The target of real images in the discriminator's loss: below 1 for one-sided label smoothing.
    #[serde(default = "defaults::one", skip_serializing_if = "defaults::is_one")]
    pub real_label: f64,
    /// γ of the penalty R1: γ/2·mean ‖∇D(x)‖² over real images x.
    #[serde(default, skip_serializing_if = "defaults::is_zero")]
    pub r1: f64,
    /// γ of the penalty R2: the same over generated images.
    #[serde(default, skip_serializing_if = "defaults::is_zero")]
    pub r2: f64,
    /// λ of WGAN-GP's penalty: λ·mean (‖∇D(x)‖ − 1)² over points x between real and generated images.
    #[serde(default, skip_serializing_if = "defaults::is_zero")]
    pub gp: f64,
    /// Penalties are computed in every iteration of this many, and multiplied by it.
    #[serde(default = "defaults::every", skip_serializing_if = "defaults::is_every")]
    pub penalty_interval: u32,
    /// The discriminator's updates for each update of the generator.
    #[serde(default = "defaults::every", skip_serializing_if = "defaults::is_every")]
    pub n_critic: u32,
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
    /// The generator's learning rate, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr_g: Option<f64>,
    /// The discriminator's learning rate, if it differs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lr_d: Option<f64>,
    /// How the learning rates fall.
    #[serde(default = "defaults::constant", skip_serializing_if = "defaults::is_constant")]
    pub lr_decay: LrDecay,
    /// Adam's β₁.
    pub b1: f64,
    /// Adam's β₂.
    pub b2: f64,
    /// Adam's ε.
    pub adam_eps: f64,
    /// Decay rate of the moving average of the generator's weights, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ema: Option<f64>,
    /// The average of t updates has a weight of at most t/(t + ema_warmup) when the next one is added.
    #[serde(default, skip_serializing_if = "defaults::is_no_warmup")]
    pub ema_warmup: u32,
    /// Whether the discriminator's weights are normalized by their spectral norms.
    #[serde(default, skip_serializing_if = "defaults::is_off")]
    pub spectral_norm: bool,
    /// Random augmentations of all images that the discriminator sees.
    #[serde(default, skip_serializing_if = "Augmentations::is_empty")]
    pub augment: Augmentations,
    /// Whether each of several ranks normalizes its own part of a batch, instead of all together.
    #[serde(default, skip_serializing_if = "defaults::is_off")]
    pub local_batch_norm: bool,
    /// Images that the discriminator sees side by side, as one input with more channels (PacGAN).
    #[serde(default = "defaults::single", skip_serializing_if = "defaults::is_single")]
    pub pack: usize,
    /// The shape of an image.
    pub image: ImageShape,
    /// The generator, layer by layer.
    pub generator: Layers,
    /// The discriminator, layer by layer.
    pub discriminator: Layers,
}

/// The usual warm-up of a moving average.
const USUAL_WARMUP: u32 = 10;

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
            Loss::BceLogits | Loss::Mse | Loss::Hinge | Loss::Wgan | Loss::Relativistic => false,
        }
    }

    /// Whether it compares outputs with targets, which can be smoothed.
    pub fn has_targets(self) -> bool {
        match self {
            Loss::Bce | Loss::BceLogits | Loss::Mse => true,
            Loss::Hinge | Loss::Wgan | Loss::Relativistic => false,
        }
    }

    /// Whether it pairs real with generated images, so that the generator's update looks at real ones,
    /// too.
    pub fn is_paired(self) -> bool {
        self == Loss::Relativistic
    }

    /// A loss above this threshold has exploded. Squared error reaches it when outputs are 100 away
    /// from their targets of 0 and 1; cross-entropy of logits when they are 10,000 away from zero
    /// on the wrong side. Cross-entropy of probabilities is clamped at 100 for an image. The output of a
    /// Wasserstein critic may drift: only differences matter.
    pub fn explosion_threshold(self) -> f64 {
        match self {
            Loss::Bce => 50.0,
            Loss::BceLogits | Loss::Mse | Loss::Hinge | Loss::Relativistic => 1e4,
            Loss::Wgan => 1e6,
        }
    }

    /// The device's operation for this loss in an update.
    pub(super) fn criterion(self, update: Role) -> Criterion {
        match (self, update) {
            (Loss::BceLogits, _) => Criterion::CrossEntropy,
            (Loss::Bce, _) => Criterion::SaturatingCrossEntropy,
            (Loss::Mse, _) => Criterion::SquaredError,
            (Loss::Hinge, Role::Discriminator) => Criterion::Hinge,
            (Loss::Hinge, Role::Generator) | (Loss::Wgan, _) => Criterion::Wasserstein,
            (Loss::Relativistic, _) => Criterion::Relativistic,
        }
    }
}

impl Settings {
    /// Adam's constants for a network. Learning rates that fall have fallen to zero after
    /// `iterations`; steps count from iteration `first` on, before which the run may have had other
    /// settings.
    pub fn adam(&self, role: Role, first: i64, iterations: u32) -> Adam {
        let lr = match role {
            Role::Generator => self.lr_g,
            Role::Discriminator => self.lr_d,
        };
        let [all, own] = [iterations.max(1), self.iterations_per_step(role)].map(f64::from);
        Adam {
            lr: lr.unwrap_or(self.lr),
            b1: self.b1,
            b2: self.b2,
            eps: self.adam_eps,
            decay: self.lr_decay,
            done: first as f64 / all,
            rate: own / all,
        }
    }

    /// Iterations for each of a network's optimizer steps.
    pub fn iterations_per_step(&self, role: Role) -> u32 {
        match role {
            Role::Generator => self.n_critic,
            Role::Discriminator => 1,
        }
    }

    /// Sets the decay rate of the moving average, 0 for none. A new average gets a warm-up: without one
    /// it would hardly differ from the initial weights for a thousand updates.
    pub fn set_average(&mut self, decay: f64) {
        let had_none = self.ema.is_none();
        self.ema = (decay > 0.0).then_some(decay);
        match self.ema {
            Some(_) if had_none => self.ema_warmup = USUAL_WARMUP,
            Some(_) => {}
            None => self.ema_warmup = 0,
        }
    }

    /// The moving average of the generator's weights, if there is one.
    pub fn average(&self) -> Option<Average> {
        self.ema.map(|decay| Average { decay, warmup: self.ema_warmup })
    }

    /// The factor of a penalty; 0 without it.
    pub fn penalty_factor(&self, penalty: Penalty) -> f64 {
        match penalty {
            Penalty::R1 => self.r1 / 2.0,
            Penalty::R2 => self.r2 / 2.0,
            Penalty::Interpolated => self.gp,
        }
    }

    /// The batches of the discriminator's update whose gradients are penalized, and those between them:
    /// real images, fakes, points between them.
    pub fn penalized_batches(&self) -> Range<usize> {
        let is_on = |penalty: &Penalty| self.penalty_factor(*penalty) > 0.0;
        let first = Penalty::ALL.iter().position(is_on);
        let last = Penalty::ALL.iter().rposition(is_on);
        first.zip(last).map_or(0..0, |(first, last)| first..last + 1)
    }

    /// The augmentation of `rows` images.
    pub(super) fn augment_shape(&self, rows: usize) -> AugmentShape {
        let ImageShape { channels, height, width } = self.image;
        AugmentShape { rows, channels, height, width, augmentations: self.augment }
    }

    /// Whether the discriminator's gradients are penalized.
    pub fn is_penalized(&self) -> bool {
        !self.penalized_batches().is_empty()
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
        /// Hinge loss of the raw output: a robust choice together with spectral normalization.
        Hinge = "hinge",
        /// The raw output as the critic of a Wasserstein GAN: use it with --gp or --spectral-norm.
        Wgan = "wgan",
        /// Cross-entropy of the difference between pairs of a real and a generated image (R3GAN): with
        /// --r1 and --r2 it keeps modes that other losses lose.
        Relativistic = "relativistic",
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

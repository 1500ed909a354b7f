//! A validated GAN: its settings, and both networks with layers that fit each other.

use super::role::Role;
use super::settings::{InputPart, Layers, Settings};
use crate::data::ImageShape;
use crate::device::Ranks;
use crate::nn::sequence::{Embedding, Input, SpecProblem};
use crate::nn::{Layer, NetworkSpec, Sequence, Shape};

/// A GAN's settings and its resolved networks.
#[derive(Clone, Debug, PartialEq)]
pub struct Model {
    settings: Settings,
    generator: NetworkSpec,
    discriminator: NetworkSpec,
}

/// Why settings describe no valid GAN.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelProblem {
    /// A network's layers do not fit each other.
    #[error("{network} {problem}")]
    Layers {
        /// The network.
        network: &'static str,
        /// The layer, and what is wrong with it.
        problem: SpecProblem,
    },

    /// A network's input list is invalid.
    #[error("the {network}'s input is {got}, but must be {expected}")]
    Input {
        /// The network.
        network: &'static str,
        /// The list in the file.
        got: String,
        /// The lists that are allowed.
        expected: String,
    },

    /// A network's output has the wrong shape.
    #[error("the {network} ends with {got}, but must end with {expected}")]
    Output {
        /// The network.
        network: &'static str,
        /// The output shape of its last layer.
        got: String,
        /// The shapes that are allowed.
        expected: String,
    },

    /// The loss expects probabilities, but the discriminator does not end in a Sigmoid.
    #[error(
        "loss \"bce\" expects probabilities, but the discriminator's last layer is not Sigmoid(); \
         add one, or choose \"bce-logits\""
    )]
    NoSigmoid,

    /// The discriminator's gradients cannot be penalized.
    #[error(
        "the discriminator has {layer}, but gradient penalties (r1, r2, gp) need one that has only \
         Linear, convolutions, ReLU, LeakyReLU and Dropout; remove it, or leave the penalties out"
    )]
    NotPenalizable {
        /// The layer that stands in the way.
        layer: &'static str,
    },

    /// The discriminator's weights cannot be normalized.
    #[error(
        "the discriminator has a ConvTranspose2d, which spectral_norm does not support; remove it, or \
         set spectral_norm to false"
    )]
    NotNormalizable,

    /// Packed images have one label each, but the discriminator takes one label.
    #[error(
        "pack is {pack}, but packed images would have several classes; leave it out, or train a GAN \
         without classes, such as mlp or dcgan"
    )]
    PackedClasses {
        /// Images in a pack.
        pack: usize,
    },
}

impl Model {
    /// The networks of these settings.
    ///
    /// # Errors
    /// [`ModelProblem`] names the layer that does not fit.
    pub fn new(settings: Settings) -> Result<Self, ModelProblem> {
        let ImageShape { channels, height, width } = settings.image;
        let images =
            [Shape::Image([channels, height, width]), Shape::Features(settings.image.pixels())];
        let generator = network(Role::Generator, &settings)?;
        expect_output(Role::Generator, &generator, &images)?;
        let discriminator = network(Role::Discriminator, &settings)?;
        let numbers = [Shape::Features(1), Shape::Image([1, 1, 1])];
        expect_output(Role::Discriminator, &discriminator, &numbers)?;
        let discriminator = match settings.loss.takes_probabilities() {
            true => discriminator.with_logits().ok_or(ModelProblem::NoSigmoid)?,
            false => discriminator,
        };
        let discriminator = match settings.spectral_norm {
            true => discriminator.with_spectral_norm().ok_or(ModelProblem::NotNormalizable)?,
            false => discriminator,
        };
        if let Some(layer) =
            discriminator.obstacle_to_penalties().filter(|_| settings.is_penalized())
        {
            return Err(ModelProblem::NotPenalizable { layer });
        }
        if settings.pack > 1 && settings.classes.is_some() {
            return Err(ModelProblem::PackedClasses { pack: settings.pack });
        }
        Ok(Self { settings, generator, discriminator })
    }

    /// The same model with another batch size.
    pub fn with_batch_size(&self, batch_size: usize) -> Self {
        let settings = Settings { batch_size, ..self.settings.clone() };
        Self { settings, ..self.clone() }
    }

    /// The same with the largest share of a batch that a rank has as its batch.
    pub fn of_rank(&self, ranks: Ranks) -> Self {
        let Settings { batch_size, pack, .. } = self.settings;
        self.with_batch_size(ranks.largest_share(batch_size / pack) * pack)
    }

    /// The settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The generator's layers.
    pub fn generator(&self) -> &NetworkSpec {
        &self.generator
    }

    /// The discriminator's layers. With loss "bce", the list includes the final Sigmoid, but the
    /// network does not run it: the loss computes it.
    pub fn discriminator(&self) -> &NetworkSpec {
        &self.discriminator
    }

    /// The layers of one of the networks.
    pub fn network(&self, role: Role) -> &NetworkSpec {
        match role {
            Role::Generator => &self.generator,
            Role::Discriminator => &self.discriminator,
        }
    }

    /// The fewest images of a batch: each network that has BatchNorm needs two rows, and the
    /// discriminator a whole pack for each row.
    pub fn least_batch(&self) -> usize {
        let rows = |network: &NetworkSpec| if network.has_batch_norm() { 2 } else { 1 };
        rows(&self.generator).max(self.settings.pack * rows(&self.discriminator))
    }

    /// The same for a batch of which each rank has its share: if ranks normalize separately, each of them
    /// needs as many.
    pub fn least_batch_of(&self, ranks: Ranks) -> usize {
        self.least_batch() * if self.settings.local_batch_norm { ranks.size } else { 1 }
    }

    /// Whether one of the networks has BatchNorm, so that batches must have two rows or more.
    pub fn normalizes(&self) -> bool {
        Role::BOTH.iter().any(|&role| self.network(role).has_batch_norm())
    }
}

fn network(role: Role, settings: &Settings) -> Result<NetworkSpec, ModelProblem> {
    let layers = settings.layers(role);
    let input = input(role, layers, settings)?;
    NetworkSpec::new(input, layers.sequences.clone())
        .map_err(|problem| ModelProblem::Layers { network: role.name(), problem })
}

/// The input of a network, from the list in its file.
fn input(role: Role, layers: &Layers, settings: &Settings) -> Result<Input, ModelProblem> {
    let image = settings.image;
    let (part, shape) = match role {
        Role::Generator => (InputPart::Noise, Shape::Features(settings.latent_dim)),
        Role::Discriminator => (
            InputPart::Image,
            Shape::Image([settings.pack * image.channels, image.height, image.width]),
        ),
    };
    let embedding =
        |classes, first| Some(Embedding { key: layers.label_key.clone(), classes, first });
    let label = match (layers.input.as_slice(), settings.classes) {
        ([only], None) if *only == part => None,
        ([InputPart::Label, other], Some(n)) if *other == part => embedding(n, true),
        ([other, InputPart::Label], Some(n)) if *other == part => embedding(n, false),
        (got, classes) => {
            let expected = match classes {
                None => format!("[\"{part}\"]: the GAN has no classes"),
                Some(_) => format!("[\"label\", \"{part}\"] or [\"{part}\", \"label\"]"),
            };
            let got: Vec<_> = got.iter().map(|part| format!("\"{part}\"")).collect();
            let got = format!("[{}]", got.join(", "));
            return Err(ModelProblem::Input { network: role.name(), got, expected });
        }
    };
    Ok(Input { shape, label })
}

fn expect_output(
    role: Role,
    network: &NetworkSpec,
    shapes: &[Shape; 2],
) -> Result<(), ModelProblem> {
    let got = network.output();
    if shapes.contains(&got) {
        return Ok(());
    }
    let expected = shapes.map(|shape| shape.to_string()).join(" or ");
    Err(ModelProblem::Output { network: role.name(), got: got.to_string(), expected })
}

/// The layers as PyTorch prints a `Sequential`, for metadata of files. Views are listed among the
/// layers.
pub fn sequential(network: &NetworkSpec) -> String {
    let of_sequence = |sequence: &Sequence| {
        let view = sequence.view.map(|view| match view {
            Shape::Features(features) => format!("view({features})"),
            Shape::Image([channels, height, width]) => {
                format!("view({channels}, {height}, {width})")
            }
        });
        view.into_iter().chain(sequence.layers.iter().map(Layer::to_string)).collect::<Vec<_>>()
    };
    let layers: Vec<_> = network.sequences().iter().flat_map(of_sequence).collect();
    format!("Sequential({})", layers.join(", "))
}

//! Imports a GAN from a PyTorch script: its networks as `print(model)` shows them.
//!
//! The keys of all layers stay those of the script's modules, so that they load checkpoints of the
//! imported GAN.

mod error;
mod network;
mod notes;
mod printed;
mod shapes;
mod training;

pub use error::{Error, ImportProblem, ModuleProblem};

use std::path::Path;

use crate::data::{DatasetKind, ImageShape};
use crate::device::ops::{Augmentations, Latent, LrDecay};
use crate::gan::Model;
use crate::gan::interval::Interval;
use crate::gan::preset::Preset;
use crate::gan::sample_grid::Grid;
use crate::gan::settings::{Fakes, InputPart, Layers, Loss, Order, Settings};
use crate::nn::{Init, Layer, Shape};
use network::Network;
use printed::Printed;
use training::Training;

/// A GAN that was read from printed modules.
#[derive(Debug)]
pub struct Imported {
    /// The GAN. Its notes say what PyTorch does not print.
    pub preset: Preset,
    /// What the printed modules suggest is missing, such as activations.
    pub warnings: Vec<String>,
}

impl Imported {
    /// The GAN as a TOML file that `train --config` reads; `path` is for error messages.
    ///
    /// # Errors
    /// [`ImportProblem::Text`] if a number cannot be written.
    pub fn to_text(&self, path: &Path) -> Result<String, Error> {
        toml::to_string_pretty(&self.preset).map_err(|error| {
            let source = Box::new(ImportProblem::Text { problem: error.to_string() });
            Error { path: path.to_owned(), source }
        })
    }
}

/// Reads a GAN from the output of `print(generator)` and `print(discriminator)`. The text may contain
/// more: a printed loss function and Adam are read, other lines are ignored.
///
/// # Errors
/// When there are not two networks, or one has layers that this program does not support or that do
/// not follow each other; the message names the line of `path`.
pub fn read(path: &Path, text: &str) -> Result<Imported, Error> {
    let name = path.file_stem().unwrap_or_default().to_string_lossy();
    parse(&name, text).map_err(|problem| Error { path: path.to_owned(), source: Box::new(problem) })
}

fn parse(name: &str, text: &str) -> error::Result<Imported> {
    let Printed { modules, training } = printed::read(text)?;
    let found = modules.len();
    let [first, second] =
        <[_; 2]>::try_from(modules).map_err(|_| ImportProblem::NotTwoNetworks { found })?;
    let mut networks = network::in_order([Network::of(&first)?, Network::of(&second)?]);
    same_classes(&networks)?;
    let (latent_dim, image) = reshape(&mut networks)?;
    let warnings = notes::warnings(&networks, &training);
    if training.loss(networks[1].ends_with(Layer::Sigmoid)) == Loss::Bce {
        networks[1].close();
    }
    let gan = settings(networks, latent_dim, image, &training);
    Model::new(gan.clone())?;
    Ok(Imported { preset: preset(name, gan, &training), warnings })
}

fn same_classes([generator, discriminator]: &[Network; 2]) -> error::Result<()> {
    let classes = |network: &Network| network.classes().unwrap_or(0);
    match (classes(generator), classes(discriminator)) {
        (generator, discriminator) if generator == discriminator => Ok(()),
        (generator, discriminator) => Err(ImportProblem::Classes { generator, discriminator }),
    }
}

/// Inserts the reshapes between sequences; returns the latent dimension and the shape of an image.
fn reshape([generator, discriminator]: &mut [Network; 2]) -> error::Result<(usize, ImageShape)> {
    let inputs = generator.inputs()?;
    let latent_dim = inputs.saturating_sub(generator.classes().unwrap_or(0));
    if latent_dim == 0 {
        return Err(ImportProblem::NoNoise { inputs });
    }
    let output = generator.reshape(Shape::Features(inputs))?;
    let image = shapes::image(output, discriminator.channels())?;
    discriminator.reshape(discriminator.input(image))?;
    Ok((latent_dim, image))
}

/// What was printed, and common values for everything else.
fn settings(
    [generator, discriminator]: [Network; 2],
    latent_dim: usize,
    image: ImageShape,
    training: &Training,
) -> Settings {
    let adam = training.adam();
    Settings {
        latent_dim,
        latent: Latent::Normal,
        classes: generator.classes(),
        loss: training.loss(discriminator.ends_with(Layer::Sigmoid)),
        d_loss_scale: 1.0,
        real_label: 1.0,
        r1: 0.0,
        r2: 0.0,
        gp: 0.0,
        penalty_interval: 1,
        n_critic: 1,
        order: Order::DFirst,
        fakes: Fakes::Same,
        init: if generator.convolves() { Init::Normal(0.02) } else { Init::Default },
        batch_size: 64,
        drop_last: false,
        lr: adam.lr,
        lr_g: None,
        lr_d: None,
        lr_decay: LrDecay::None,
        b1: adam.b1,
        b2: adam.b2,
        adam_eps: adam.eps,
        ema: None,
        ema_warmup: 0,
        spectral_norm: false,
        local_batch_norm: false,
        augment: Augmentations::default(),
        pack: 1,
        image,
        generator: layers(generator, [InputPart::Label, InputPart::Noise]),
        discriminator: layers(discriminator, [InputPart::Image, InputPart::Label]),
    }
}

fn preset(name: &str, gan: Settings, training: &Training) -> Preset {
    Preset {
        name: name.to_owned(),
        summary: String::new(),
        source: "a PyTorch script".to_owned(),
        notes: notes::assumed(&gan, training),
        dataset: (gan.image.channels == 1).then_some(DatasetKind::Mnist),
        epochs: 100,
        sample_interval: Interval::Epoch,
        sample_grid: Grid { rows: 8, columns: 8 },
        gan,
        text: "",
    }
}

/// A network with these parts of its input; the label only if it has an embedding.
fn layers(network: Network, parts: [InputPart; 2]) -> Layers {
    let Network { label, sequences, .. } = network;
    let has_label = label.is_some();
    Layers {
        input: parts.into_iter().filter(|part| has_label || *part != InputPart::Label).collect(),
        label_key: label.map_or_else(Layers::default_label_key, |label| label.key),
        sequences: sequences.into_iter().map(|numbered| numbered.sequence).collect(),
    }
}

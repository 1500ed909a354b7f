//! What PyTorch does not print, in words for the user.

use super::network::{Network, is_activation, multiplies};
use super::training::Training;
use crate::gan::settings::{Loss, Settings};
use crate::nn::Layer;

/// The settings that were assumed.
pub(super) fn assumed(gan: &Settings, training: &Training) -> Vec<String> {
    let mut keys =
        vec!["latent", "batch_size", "drop_last", "order", "fakes", "d_loss_scale", "init"];
    if training.loss.is_none() {
        keys.push("loss");
    }
    if training.adam.is_none() {
        keys.extend(["lr", "b1", "b2", "adam_eps"]);
    }
    let mut notes = vec![format!(
        "PyTorch does not print these, so they are assumed; compare them with the script: epochs, {}",
        keys.join(", ")
    )];
    if gan.classes.is_some() {
        notes.push("assumed, too: which part of the networks' inputs the label is".to_owned());
    }
    let views = [&gan.generator, &gan.discriminator]
        .iter()
        .flat_map(|layers| &layers.sequences)
        .any(|sequence| sequence.view.is_some());
    if views {
        notes.push("inferred from the layers' shapes: view".to_owned());
    }
    notes
}

/// What the layers suggest is missing.
pub(super) fn warnings(
    [generator, discriminator]: &[Network; 2],
    training: &Training,
) -> Vec<String> {
    let mut warnings = training.warnings.clone();
    for (name, network) in [("generator", generator), ("discriminator", discriminator)] {
        warnings.extend(unplaced(name, network));
        warnings.extend(missing_activations(name, network));
    }
    match (training.loss, discriminator.ends_with(Layer::Sigmoid)) {
        (Some(Loss::Bce), false) => warnings.push(
            "a Sigmoid is added to the discriminator, because BCELoss takes probabilities"
                .to_owned(),
        ),
        (Some(Loss::BceLogits), true) => warnings.push(
            "the discriminator ends with Sigmoid, and BCEWithLogitsLoss applies another one"
                .to_owned(),
        ),
        _ => {}
    }
    if generator.ends_with(Layer::Sigmoid) {
        warnings.push(
            "the generator ends with Sigmoid, so its images are from 0 to 1, but real images are from \
             -1 to 1 here: end it with Tanh"
                .to_owned(),
        );
    } else if !generator.ends_with(Layer::Tanh) {
        warnings.push(
            "the generator does not end with Tanh, but real images are from -1 to 1".to_owned(),
        );
    }
    warnings
}

/// Warnings of activations that are printed before the layers that they follow.
fn unplaced(name: &str, network: &Network) -> impl Iterator<Item = String> {
    network.unplaced.iter().map(move |leaf| {
        format!(
            "the {name}'s {}, {}, is printed before all layers: add it to them where forward() calls it",
            leaf.path, leaf.text
        )
    })
}

/// A warning if there are learned layers without an activation between them.
fn missing_activations(name: &str, network: &Network) -> Option<String> {
    let (mut linear, mut pairs) = (None, Vec::new());
    for (leaf, layer) in network.layers() {
        match layer {
            layer if multiplies(layer) => {
                pairs.extend(linear.map(|before| format!("{before} and {}", leaf.path)));
                linear = Some(&leaf.path);
            }
            layer if is_activation(layer) => linear = None,
            _ => {}
        }
    }
    (!pairs.is_empty()).then(|| {
        format!(
            "the {name} has no activation between {}; functions that forward() calls are not printed: \
             add them to the layers, as \"LeakyReLU(0.2)\"",
            pairs.join(", ")
        )
    })
}

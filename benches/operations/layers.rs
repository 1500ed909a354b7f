//! The sizes of the presets' layers in an iteration, each once, in ascending order.

use std::collections::BTreeSet;

use gan_cuda::device::Device;
use gan_cuda::device::ops::{EmbeddingShape, LinearShape};
use gan_cuda::gan::architecture::{discriminator, generator};
use gan_cuda::gan::preset::{Preset, presets};
use gan_cuda::gan::settings::Settings;
use gan_cuda::nn::{BlockSpec, NetworkSpec};

/// Every network of the presets with the rows of its largest passes: the discriminator judges real
/// images and as many generated ones.
fn networks() -> impl Iterator<Item = (NetworkSpec, usize)> {
    presets().iter().flat_map(|preset| {
        let (settings, rows) = (&preset.settings, preset.settings.batch_size);
        let generator = generator(preset, settings).network;
        [(generator, rows), (discriminator(preset, settings).network, 2 * rows)]
    })
}

/// All linear layers, their inputs padded as a device of kind `D` has them.
pub fn linear<D: Device>() -> Vec<LinearShape> {
    let mut found = BTreeSet::new();
    for (network, rows) in networks() {
        let inputs = network.strides::<D>();
        found
            .extend(network.blocks.iter().zip(inputs).map(|(b, inputs)| (rows, inputs, b.outputs)));
    }
    let shape = |(rows, inputs, outputs)| LinearShape { rows, inputs, outputs };
    found.into_iter().map(shape).collect()
}

/// Rows and columns of all layers' outputs that `chosen` picks.
fn outputs(chosen: impl Fn(&BlockSpec) -> bool) -> BTreeSet<[usize; 2]> {
    let of = |(network, rows): (NetworkSpec, usize)| {
        let blocks = network.blocks.into_iter().filter(&chosen);
        blocks.map(|block| [rows, block.outputs]).collect::<Vec<_>>()
    };
    networks().flat_map(of).collect()
}

/// Rows and columns behind linear layers without BatchNorm.
pub fn activated() -> BTreeSet<[usize; 2]> {
    outputs(|block| block.batch_norm.is_none())
}

/// Rows and columns of BatchNorm.
pub fn normalized() -> BTreeSet<[usize; 2]> {
    outputs(|block| block.batch_norm.is_some())
}

/// Rows and columns of dropout masks.
pub fn dropped() -> BTreeSet<[usize; 2]> {
    outputs(BlockSpec::drops)
}

/// Parameters of every network.
pub fn parameters() -> BTreeSet<usize> {
    networks().map(|(network, _)| network.parameters()).collect()
}

/// Label embeddings, padded as a device of kind `D` has them.
pub fn embeddings<D: Device>() -> Vec<EmbeddingShape> {
    let shape = |(network, rows): (NetworkSpec, usize)| {
        let (label, stride) = (network.label?, network.strides::<D>().next()?);
        Some(EmbeddingShape {
            rows,
            classes: label.classes,
            width: label.classes,
            inputs: network.inputs,
            label_first: label.first,
            stride,
        })
    };
    networks().filter_map(shape).collect()
}

/// Rows and columns of what presets draw or gather, by their settings.
pub fn drawn(columns: impl Fn(&Settings) -> usize) -> BTreeSet<[usize; 2]> {
    let size = |preset: &Preset| [preset.settings.batch_size, columns(&preset.settings)];
    presets().iter().map(size).collect()
}

//! The output of `--json`.

use crate::data::Source;
use crate::gan::Model;
use crate::gan::interval::Interval;
use crate::gan::settings::Settings;
use crate::nn::{Layer, NetworkSpec};
use crate::run::config::Config;
use serde::Serialize;

/// A GAN with all its settings. Keys and values are those of `config.toml`.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    name: &'a str,
    summary: &'a str,
    source: &'a str,
    notes: &'a [String],
    /// The default data set; `None` if it must be given.
    dataset: &'a Option<Source>,
    epochs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iterations: Option<u32>,
    sample_interval: Interval,
    /// Whether an epoch's incomplete last batch is dropped.
    drop_last: bool,
    settings: &'a Settings,
    generator: Network,
    discriminator: Network,
}

#[derive(Serialize)]
struct Network {
    parameters: usize,
    /// Input features per sample, without the label's embedding.
    inputs: usize,
    /// Rows and columns of the embedding table, if there is one.
    label_embedding: Option<[usize; 2]>,
    /// The layers, in order.
    layers: Vec<String>,
    /// Linear layers and convolutions, each with the layers that follow it.
    blocks: Vec<Block>,
}

/// Inputs and outputs are features, or channels of an image.
#[derive(Serialize)]
struct Block {
    inputs: usize,
    outputs: usize,
    parameters: usize,
}

pub(super) fn of<'a>(config: &'a Config, model: &'a Model) -> Row<'a> {
    Row {
        name: &config.preset,
        summary: &config.summary,
        source: &config.source,
        notes: &config.notes,
        dataset: &config.dataset,
        epochs: config.epochs,
        iterations: config.iterations,
        sample_interval: config.sample_interval,
        drop_last: config.gan.drop_last,
        settings: &config.gan,
        generator: network(model.generator()),
        discriminator: network(model.discriminator()),
    }
}

fn network(spec: &NetworkSpec) -> Network {
    Network {
        parameters: spec.parameters(),
        inputs: spec.input().shape.elements(),
        label_embedding: spec.input().label.as_ref().map(|label| [label.classes; 2]),
        layers: spec.layers().map(|(_, layer)| layer.to_string()).collect(),
        blocks: blocks(spec),
    }
}

fn blocks(spec: &NetworkSpec) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for (_, layer) in spec.layers() {
        let extents = match layer {
            Layer::Linear { inputs, outputs } => Some([inputs, outputs]),
            Layer::Conv2d(convolution) | Layer::ConvTranspose2d { convolution, .. } => {
                Some([convolution.inputs, convolution.outputs])
            }
            _ => None,
        };
        match (extents, blocks.last_mut()) {
            (Some([inputs, outputs]), _) => {
                blocks.push(Block { inputs, outputs, parameters: layer.parameters() });
            }
            (None, Some(block)) => block.parameters += layer.parameters(),
            (None, None) => {}
        }
    }
    blocks
}

//! A GAN as `--json` prints it.

use gan_cuda::data::Source;
use gan_cuda::gan::Model;
use gan_cuda::gan::interval::Interval;
use gan_cuda::gan::settings::Settings;
use gan_cuda::nn::{Layer, NetworkSpec};
use gan_cuda::run::config::Config;
use serde::Serialize;

/// A GAN with all that is known of it. Names and spellings are those of `config.toml`.
#[derive(Serialize)]
pub(super) struct Row<'a> {
    name: &'a str,
    summary: &'a str,
    source: &'a str,
    notes: &'a [String],
    /// What it learns from unless told otherwise; none for images of one's own.
    dataset: &'a Option<Source>,
    epochs: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    iterations: Option<u32>,
    sample_interval: Interval,
    /// Whether an epoch's short last batch is left out.
    drop_last: bool,
    settings: &'a Settings,
    generator: Network,
    discriminator: Network,
}

#[derive(Serialize)]
struct Network {
    parameters: usize,
    /// Numbers in a row of the input, without a label's.
    inputs: usize,
    /// Rows and columns of the labels' table, if there is one.
    label_embedding: Option<[usize; 2]>,
    /// The layers, in order.
    layers: Vec<String>,
    /// The linear layers and convolutions with what belongs to each.
    blocks: Vec<Block>,
}

/// Extents are features, or channels of an image.
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
        label_embedding: spec.input().label.map(|label| [label.classes; 2]),
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

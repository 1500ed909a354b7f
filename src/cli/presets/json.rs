//! A set-up as `--json` prints it.

use gan_cuda::data::DatasetKind;
use gan_cuda::gan::architecture::{self, Architecture};
use gan_cuda::gan::preset::{Interval, Preset};
use gan_cuda::gan::settings::Settings;
use serde::Serialize;

/// A set-up with all that is known of it. Names and spellings are those of `config.toml`.
#[derive(Serialize)]
pub(super) struct Row {
    name: &'static str,
    summary: &'static str,
    source: &'static str,
    notes: &'static [&'static str],
    /// What it learns from unless told otherwise; none for images of one's own.
    dataset: Option<DatasetKind>,
    epochs: u32,
    sample_interval: Interval,
    /// Whether an epoch's short last batch is left out.
    drop_last: bool,
    settings: &'static Settings,
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
    /// PyTorch's modules, in order.
    layers: Vec<String>,
    /// The linear layers with what belongs to each.
    blocks: Vec<Block>,
}

#[derive(Serialize)]
struct Block {
    inputs: usize,
    outputs: usize,
    parameters: usize,
}

pub(super) fn of(preset: &'static Preset) -> Row {
    let settings = &preset.settings;
    Row {
        name: preset.name,
        summary: preset.summary,
        source: preset.source,
        notes: preset.notes,
        dataset: preset.dataset,
        epochs: preset.epochs,
        sample_interval: preset.sample_interval,
        drop_last: preset.drop_last,
        settings,
        generator: network(architecture::generator(preset, settings)),
        discriminator: network(architecture::discriminator(preset, settings)),
    }
}

fn network(architecture: Architecture) -> Network {
    let spec = architecture.network;
    let block = |block: &gan_cuda::nn::BlockSpec| Block {
        inputs: block.inputs,
        outputs: block.outputs,
        parameters: block.parameters(),
    };
    Network {
        parameters: spec.parameters(),
        inputs: spec.inputs,
        label_embedding: spec.label.map(|label| [label.classes; 2]),
        layers: architecture.modules.iter().map(ToString::to_string).collect(),
        blocks: spec.blocks.iter().map(block).collect(),
    }
}

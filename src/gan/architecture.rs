//! A set-up as two lists of layers, with the keys that PyTorch's `Sequential` gives them.

use super::preset::{DropoutPlace, HiddenActivation, Preset};
use super::settings::{Loss, Settings};
use crate::device::ops::Activation;
use crate::nn::{BlockSpec, Embedded, NetworkSpec};

/// A network as the engine runs it and as a person reads it.
pub struct Architecture {
    /// For the engine.
    pub network: NetworkSpec,
    /// For a person: the modules of PyTorch's `Sequential`, in order.
    pub modules: Vec<String>,
}

/// The generator: (label ‖ noise) → hidden layers → tanh.
pub fn generator(preset: &Preset, settings: &Settings) -> Architecture {
    let mut sequence = Sequence::new(preset, settings);
    let mut inputs = settings.latent_dim + settings.classes.unwrap_or(0);
    for (i, &width) in settings.g_hidden.iter().enumerate() {
        let mut block = sequence.linear(inputs, width);
        if i > 0 {
            sequence.batch_norm(&mut block);
        }
        sequence.activation(&mut block, preset.g_activation);
        sequence.blocks.push(block);
        inputs = width;
    }
    let mut block = sequence.linear(inputs, settings.image.pixels());
    block.activation = Activation::Tanh;
    sequence.module("Tanh()");
    sequence.blocks.push(block);
    sequence.finish(settings.latent_dim, true)
}

/// The discriminator: (image ‖ label) → hidden layers → one number.
pub fn discriminator(preset: &Preset, settings: &Settings) -> Architecture {
    let mut sequence = Sequence::new(preset, settings);
    let mut inputs = settings.image.pixels() + settings.classes.unwrap_or(0);
    for (i, &width) in settings.d_hidden.iter().enumerate() {
        let mut block = sequence.linear(inputs, width);
        match preset.d_dropout {
            Some(DropoutPlace::BeforeActivation) if i > 0 => sequence.dropout(&mut block),
            _ => {}
        }
        sequence.activation(&mut block, preset.d_activation);
        if preset.d_dropout == Some(DropoutPlace::AfterActivation) {
            sequence.dropout(&mut block);
        }
        sequence.blocks.push(block);
        inputs = width;
    }
    let mut block = sequence.linear(inputs, 1);
    if settings.d_final_relu {
        sequence.activation(&mut block, HiddenActivation::Relu);
    }
    if settings.loss == Loss::Bce {
        // A module of the published network; here the loss takes the logit instead.
        sequence.module("Sigmoid()");
    }
    sequence.blocks.push(block);
    sequence.finish(settings.image.pixels(), false)
}

/// A `Sequential` in the making: every module counts, activations and dropouts too.
struct Sequence<'a> {
    prefix: &'static str,
    settings: &'a Settings,
    modules: Vec<String>,
    blocks: Vec<BlockSpec>,
}

impl<'a> Sequence<'a> {
    fn new(preset: &Preset, settings: &'a Settings) -> Self {
        Self { prefix: preset.key_prefix, settings, modules: Vec::new(), blocks: Vec::new() }
    }

    /// Adds a module and gives its key.
    fn module(&mut self, text: impl Into<String>) -> String {
        self.modules.push(text.into());
        format!("{}{}", self.prefix, self.modules.len() - 1)
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> BlockSpec {
        BlockSpec {
            inputs,
            outputs,
            batch_norm: None,
            dropout: None,
            activation: Activation::Identity,
            linear_key: self.module(format!("Linear({inputs}, {outputs})")),
            batch_norm_key: String::new(),
        }
    }

    fn batch_norm(&mut self, block: &mut BlockSpec) {
        if let (Some(eps), Some(momentum)) = (self.settings.bn_eps, self.settings.bn_momentum) {
            let text = format!("BatchNorm1d({}, eps={eps}, momentum={momentum})", block.outputs);
            block.batch_norm = Some((eps, momentum));
            block.batch_norm_key = self.module(text);
        }
    }

    fn dropout(&mut self, block: &mut BlockSpec) {
        block.dropout = self.settings.dropout;
        if let Some(p) = block.dropout {
            self.module(format!("Dropout({p})"));
        }
    }

    fn activation(&mut self, block: &mut BlockSpec, activation: HiddenActivation) {
        block.activation = match (activation, self.settings.leaky_slope) {
            (HiddenActivation::LeakyRelu, Some(slope)) => {
                self.module(format!("LeakyReLU({slope})"));
                Activation::LeakyRelu { slope }
            }
            _ => {
                self.module("ReLU()");
                Activation::Relu
            }
        };
    }

    fn finish(self, inputs: usize, label_first: bool) -> Architecture {
        let label = self.settings.classes.map(|classes| Embedded { classes, first: label_first });
        Architecture {
            network: NetworkSpec { inputs, label, blocks: self.blocks },
            modules: self.modules,
        }
    }
}

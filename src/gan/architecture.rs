//! A set-up as two lists of layers, with the keys that PyTorch's `Sequential` gives them.

use std::fmt;

use super::preset::{DropoutPlace, HiddenActivation, Preset};
use super::settings::{Loss, Settings};
use crate::device::ops::Activation;
use crate::nn::{BlockSpec, Embedded, NetworkSpec};

/// A network as the engine runs it and as a person reads it.
pub struct Architecture {
    /// For the engine.
    pub network: NetworkSpec,
    /// For a person: the modules of PyTorch's `Sequential`, in order.
    pub modules: Vec<Module>,
}

/// A module of PyTorch's `Sequential`; written as Python would.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Module {
    /// A matrix and a bias.
    Linear {
        /// Numbers in a row of the input.
        inputs: usize,
        /// Numbers in a row of the output.
        outputs: usize,
    },
    /// Batch normalisation with a learnt factor and offset.
    BatchNorm {
        /// Numbers in a row.
        features: usize,
        /// What is added to the variance.
        eps: f64,
        /// Share of a batch in the running statistics.
        momentum: f64,
    },
    /// Sets this share of activations to zero.
    Dropout(f64),
    /// x or slope · x.
    LeakyRelu(f64),
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// The logistic function.
    Sigmoid,
}

impl Module {
    /// Numbers that the module learns.
    pub fn parameters(self) -> usize {
        match self {
            Module::Linear { inputs, outputs } => (inputs + 1) * outputs,
            Module::BatchNorm { features, .. } => 2 * features,
            _ => 0,
        }
    }
}

impl fmt::Display for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Module::Linear { inputs, outputs } => write!(f, "Linear({inputs}, {outputs})"),
            Module::BatchNorm { features, eps, momentum } => {
                write!(f, "BatchNorm1d({features}, eps={eps}, momentum={momentum})")
            }
            Module::Dropout(p) => write!(f, "Dropout({p})"),
            Module::LeakyRelu(slope) => write!(f, "LeakyReLU({slope})"),
            Module::Relu => f.write_str("ReLU()"),
            Module::Tanh => f.write_str("Tanh()"),
            Module::Sigmoid => f.write_str("Sigmoid()"),
        }
    }
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
    sequence.module(Module::Tanh);
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
        sequence.module(Module::Sigmoid);
    }
    sequence.blocks.push(block);
    sequence.finish(settings.image.pixels(), false)
}

/// A `Sequential` in the making: every module counts, activations and dropouts too.
struct Sequence<'a> {
    prefix: &'static str,
    settings: &'a Settings,
    modules: Vec<Module>,
    blocks: Vec<BlockSpec>,
}

impl<'a> Sequence<'a> {
    fn new(preset: &Preset, settings: &'a Settings) -> Self {
        Self { prefix: preset.key_prefix, settings, modules: Vec::new(), blocks: Vec::new() }
    }

    /// Adds a module and gives its key.
    fn module(&mut self, module: Module) -> String {
        self.modules.push(module);
        format!("{}{}", self.prefix, self.modules.len() - 1)
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> BlockSpec {
        BlockSpec {
            inputs,
            outputs,
            batch_norm: None,
            dropout: None,
            activation: Activation::Identity,
            linear_key: self.module(Module::Linear { inputs, outputs }),
            batch_norm_key: String::new(),
        }
    }

    fn batch_norm(&mut self, block: &mut BlockSpec) {
        if let (Some(eps), Some(momentum)) = (self.settings.bn_eps, self.settings.bn_momentum) {
            block.batch_norm = Some((eps, momentum));
            let features = block.outputs;
            block.batch_norm_key = self.module(Module::BatchNorm { features, eps, momentum });
        }
    }

    fn dropout(&mut self, block: &mut BlockSpec) {
        block.dropout = self.settings.dropout;
        if let Some(p) = block.dropout {
            self.module(Module::Dropout(p));
        }
    }

    fn activation(&mut self, block: &mut BlockSpec, activation: HiddenActivation) {
        block.activation = match (activation, self.settings.leaky_slope) {
            (HiddenActivation::LeakyRelu, Some(slope)) => {
                self.module(Module::LeakyRelu(slope));
                Activation::LeakyRelu { slope }
            }
            _ => {
                self.module(Module::Relu);
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

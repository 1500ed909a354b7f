//! Errors of reading printed modules.

use std::path::PathBuf;

use crate::gan::model::ModelProblem;
use crate::nn::LayerProblem;
use crate::text::counted;

/// A file from which no GAN can be imported.
#[derive(Debug, thiserror::Error)]
#[error("cannot import {path}")]
pub struct Error {
    /// The file.
    pub path: PathBuf,
    /// Why not.
    pub source: Box<ImportProblem>,
}

/// Why printed modules are not a GAN that this program can train.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ImportProblem {
    /// The text has more or fewer than two networks.
    #[error(
        "it has {}, but needs two, as print(generator) and print(discriminator) show them; print \
         the two parts of a common module one by one",
        counted(*found, "network")
    )]
    NotTwoNetworks {
        /// How many there are.
        found: usize,
    },

    /// The text ends within a module.
    #[error("line {line}: {class}( is not closed: copy the whole output of print(model)")]
    Unclosed {
        /// The line where it begins.
        line: usize,
        /// Its class.
        class: String,
    },

    /// A network has no layers with parameters.
    #[error("{class} has no Linear or convolution")]
    Empty {
        /// Its class.
        class: String,
    },

    /// Only one network has an embedding of labels, or the two have different numbers of classes.
    #[error(
        "a conditional GAN has an Embedding of the same classes in both networks, but the \
         generator's has {generator} and the discriminator's {discriminator} (0: none)"
    )]
    Classes {
        /// Classes of the generator's embedding; 0 without one.
        generator: usize,
        /// The same for the discriminator.
        discriminator: usize,
    },

    /// The generator takes only labels.
    #[error("the generator's first layer has {inputs} inputs, which leaves none for noise")]
    NoNoise {
        /// The inputs of its first layer.
        inputs: usize,
    },

    /// The generator's output is not an image.
    #[error(
        "the generator ends with {output}, which is no square image with 1 (grey) or 3 (colour) \
         channels"
    )]
    NotAnImage {
        /// The output's shape.
        output: String,
    },

    /// The networks do not fit each other.
    #[error(transparent)]
    Model(#[from] ModelProblem),

    /// The GAN cannot be written as TOML.
    #[error("cannot write the GAN as TOML: {problem}")]
    Text {
        /// The TOML serializer's message.
        problem: String,
    },

    /// A module is not supported.
    #[error("line {line}: {module} {problem}")]
    Module {
        /// The line.
        line: usize,
        /// The module: its key and text, or the text of the line.
        module: String,
        /// What is wrong with it.
        problem: ModuleProblem,
    },
}

/// What is wrong with a module.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModuleProblem {
    /// The line is not a module.
    #[error("is not a module as print(model) shows it, such as \"(0): Linear(…)\"")]
    Form,

    /// The module has a parametrization.
    #[error(
        "has a parametrization, which is not imported: print the network without it; for spectral \
         normalization of the discriminator then set spectral_norm = true"
    )]
    Parametrized,

    /// The layer is unknown or has unsupported arguments.
    #[error("cannot be used: {0}")]
    Layer(#[from] LayerProblem),

    /// An embedding that is not as wide as it has rows, or has further arguments.
    #[error(
        "cannot be used: an embedding of labels must have as many features as classes, at most \
         10,000, and no further arguments, as Embedding(10, 10)"
    )]
    Embedding,

    /// A second embedding.
    #[error("is a second embedding, but a network can have only one, of the labels")]
    SecondEmbedding,

    /// The first layer does not accept the network's input.
    #[error(
        "does not accept the input, {shape}: noise or an image and, if the network has an Embedding, \
         the label's"
    )]
    Input {
        /// The input.
        shape: String,
    },

    /// The layer does not accept the output of the layer before it, not even reshaped.
    #[error("follows {shape}; what happens between them is not printed and not known")]
    Shape {
        /// The output of the layer before it.
        shape: String,
    },
}

impl ModuleProblem {
    /// This problem of a line.
    pub(super) fn at(self, line: usize, text: &str) -> ImportProblem {
        ImportProblem::Module { line, module: format!("{text:?}"), problem: self }
    }
}

/// The result of reading a part of a file.
pub(super) type Result<T> = std::result::Result<T, ImportProblem>;

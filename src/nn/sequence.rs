//! A network as written in a file: its input, and its layers in order.

use serde::{Deserialize, Serialize};

use super::layer::Layer;
use super::shape::Shape;

/// The input of a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// The shape of one row, without the label's embedding.
    pub shape: Shape,
    /// The embedding of the row's label, which is concatenated to the input.
    pub label: Option<Embedding>,
}

/// A label embedding: as many features as there are classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// Classes, and features of the embedding.
    pub classes: usize,
    /// Whether it comes before the input, instead of after.
    pub first: bool,
}

impl Embedding {
    /// Number of learned parameters.
    pub fn parameters(self) -> usize {
        self.classes * self.classes
    }
}

/// A sequence of layers, with the prefix of their keys in PyTorch's `state_dict`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// The part of a key before a layer's index: `model.` in `model.0.weight`.
    pub key_prefix: String,
    /// Reshapes the sequence's input, like PyTorch's `view`; it is not a layer and has no index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<Shape>,
    /// The layers, their indices counted from 0.
    pub layers: Vec<Layer>,
}

/// The prefix of a layer's index in messages: the key prefix of its sequence, if there are several.
pub(super) fn index_prefix<'a>(sequences: &[Sequence], key_prefix: &'a str) -> &'a str {
    if sequences.len() == 1 { "" } else { key_prefix }
}

/// Why layers do not form a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// There is no layer with parameters.
    #[error("has no layer with parameters: begin with a Linear or a convolution")]
    Empty,

    /// A key that two layers share, or that cannot be written to files.
    #[error("layer {key:?} {reason}: change the key_prefix of its sequence")]
    Key {
        /// The key, such as `model.0`.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// The input of a sequence cannot be reshaped to its view.
    #[error("sequence {key_prefix:?}: a view as {view} follows {shape}")]
    View {
        /// The sequence's key prefix.
        key_prefix: String,
        /// The shape of the view.
        view: String,
        /// The input shape.
        shape: String,
    },

    /// A layer does not accept its input shape.
    #[error("layer {index}: {layer} follows {shape}")]
    Shape {
        /// Its index, with the sequence's key where there are several.
        index: String,
        /// The layer.
        layer: String,
        /// Its input shape.
        shape: String,
    },

    /// A layer at a position where it is not supported, or that this program cannot run.
    #[error("layer {index}: {layer} {reason}")]
    Layer {
        /// Its index, with the sequence's key where there are several.
        index: String,
        /// The layer.
        layer: String,
        /// Why not, and the remedy.
        reason: &'static str,
    },
}

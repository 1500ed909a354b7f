//! A network as written in a file: its input, and its layers in order.

use serde::{Deserialize, Serialize};

use super::layer::Layer;
use super::shape::Shape;

/// The input of a network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Input {
    /// The shape of one row, without the label's embedding.
    pub shape: Shape,
    /// The embedding of the row's label, which is concatenated to the input.
    pub label: Option<Embedding>,
}

/// A label embedding: as many features as there are classes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// Key in PyTorch's `state_dict`, such as `label_embedding`.
    pub key: String,
    /// Classes, and features of the embedding.
    pub classes: usize,
    /// Whether it comes before the input, instead of after.
    pub first: bool,
}

impl Embedding {
    /// Number of learned parameters.
    pub fn parameters(&self) -> usize {
        self.classes * self.classes
    }
}

/// A sequence of layers, with the prefix of their keys in PyTorch's `state_dict`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// With a dot at its end or empty: the part of a key before a layer's index, `model.` in
    /// `model.0.weight`. Otherwise the key of the only layer with parameters, `fc1` in `fc1.weight`.
    pub key_prefix: String,
    /// Reshapes the sequence's input, like PyTorch's `view`; it is not a layer and has no index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<Shape>,
    /// The layers, their indices counted from 0.
    pub layers: Vec<Layer>,
}

impl Sequence {
    /// The key of layer `i` in a `state_dict`. Beside a named layer, layers without parameters have
    /// no key there; here it only distinguishes them.
    pub fn key(&self, i: usize) -> String {
        let Self { key_prefix, layers, .. } = self;
        match self.is_named() {
            false => format!("{key_prefix}{i}"),
            true if layers[i].parameters() > 0 => key_prefix.clone(),
            true => format!("{key_prefix}.{i}"),
        }
    }

    /// Whether the key prefix is the name of a layer.
    pub fn is_named(&self) -> bool {
        !self.key_prefix.is_empty() && !self.key_prefix.ends_with('.')
    }

    /// The name of layer `i` in messages: its key, or only its index in the single sequence of a
    /// network.
    pub(super) fn index(&self, i: usize, several: bool) -> String {
        if several || self.is_named() { self.key(i) } else { i.to_string() }
    }
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

    /// The key of the label's embedding cannot be written to files, or a layer has it, too.
    #[error("label_key {key:?} {reason}: change it")]
    LabelKey {
        /// The key.
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

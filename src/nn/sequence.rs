//! A network as it is written: its input, and its layers in order.

use serde::{Deserialize, Serialize};

use super::layer::Layer;
use super::shape::Shape;

/// What goes into a network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Input {
    /// Of one row, without the label's embedding.
    pub shape: Shape,
    /// An embedding of the row's label beside it.
    pub label: Option<Embedding>,
}

/// A label embedding: as many features as there are classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Embedding {
    /// Classes, and features of the embedding.
    pub classes: usize,
    /// Whether it stands before the input, else behind.
    pub first: bool,
}

impl Embedding {
    /// Numbers that it learns.
    pub fn parameters(self) -> usize {
        self.classes * self.classes
    }
}

/// Layers in a row, with the name that PyTorch's `state_dict` has for them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sequence {
    /// What stands before a layer's index in a key: `model.` in `model.0.weight`.
    pub key_prefix: String,
    /// The shape that what comes into it is given, as PyTorch's `view` does: no layer, with no index.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub view: Option<Shape>,
    /// The layers, their indices counted from 0.
    pub layers: Vec<Layer>,
}

/// What stands before a layer's index where people are told its place: the key of its sequence, if
/// there are several.
pub(super) fn index_prefix<'a>(sequences: &[Sequence], key_prefix: &'a str) -> &'a str {
    if sequences.len() == 1 { "" } else { key_prefix }
}

/// Layers that make no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SpecProblem {
    /// There is no layer at all, or none that learns.
    #[error("has no layer that learns: begin with a Linear or a convolution")]
    Empty,

    /// A key that two layers have, or that cannot be written into files.
    #[error("layer {key:?} {reason}: change the key_prefix of its sequence")]
    Key {
        /// The key, as `model.0`.
        key: String,
        /// What is wrong with it.
        reason: &'static str,
    },

    /// What comes into a sequence cannot be viewed so.
    #[error("sequence {key_prefix:?}: a view as {view} follows {shape}")]
    View {
        /// The sequence's.
        key_prefix: String,
        /// The shape that it asks for.
        view: String,
        /// What comes into it.
        shape: String,
    },

    /// A layer does not take what comes before it.
    #[error("layer {place}: {layer} follows {shape}")]
    Shape {
        /// Its index, with the sequence's key where there are several.
        place: String,
        /// The layer.
        layer: String,
        /// What comes into it.
        shape: String,
    },

    /// A layer that cannot stand where it does, or that this program cannot run.
    #[error("layer {place}: {layer} {reason}")]
    Layer {
        /// Its index, with the sequence's key where there are several.
        place: String,
        /// The layer.
        layer: String,
        /// Why not, and what to do.
        reason: &'static str,
    },
}

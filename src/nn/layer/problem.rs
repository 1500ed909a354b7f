//! What can be wrong with the text of a layer.

/// The layers that there are.
pub(super) const NAMES: &[&str] = &[
    "Linear",
    "Conv2d",
    "ConvTranspose2d",
    "BatchNorm1d",
    "BatchNorm2d",
    "Dropout",
    "LeakyReLU",
    "ReLU",
    "Tanh",
    "Sigmoid",
    "Flatten",
    "Unflatten",
];

/// A text that is no layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerProblem {
    /// It has not the form of one.
    #[error("{text:?} is no layer: write it as PyTorch prints it, such as \"Linear(128, 256)\"")]
    Form {
        /// The text.
        text: String,
    },

    /// PyTorch may have such a layer; this program has not.
    #[error("no layer {name}; there are {}", NAMES.join(", "))]
    Unknown {
        /// What stands before the parenthesis.
        name: String,
    },

    /// An argument is not there.
    #[error("{layer} lacks {argument}")]
    Missing {
        /// The text of the layer.
        layer: String,
        /// PyTorch's name of the argument.
        argument: &'static str,
    },

    /// An argument has a value that it cannot have here.
    #[error("{argument} of {layer} is {value}, but must be {expected}")]
    Value {
        /// The text of the layer.
        layer: String,
        /// PyTorch's name of the argument.
        argument: &'static str,
        /// What was given.
        value: String,
        /// What may be given, in words.
        expected: String,
    },

    /// The layer has no such argument.
    #[error("{layer} has an argument too many: {argument}")]
    TooMany {
        /// The text of the layer.
        layer: String,
        /// The argument, as it was given.
        argument: String,
    },
}

//! Errors in the text of a layer.

/// The names of all layers.
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

/// Why a text is not a layer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayerProblem {
    /// It does not have the form of a layer.
    #[error("{text:?} is not a layer: write it as PyTorch prints it, such as \"Linear(128, 256)\"")]
    Form {
        /// The text.
        text: String,
    },

    /// PyTorch may have such a layer, but this program does not.
    #[error("unknown layer {name}; supported are {}", NAMES.join(", "))]
    Unknown {
        /// The text before the parenthesis.
        name: String,
    },

    /// An argument is missing.
    #[error("{layer} lacks the argument {argument}")]
    Missing {
        /// The text of the layer.
        layer: String,
        /// PyTorch's name of the argument.
        argument: &'static str,
    },

    /// An argument has an unsupported value.
    #[error("{argument} of {layer} is {value}, but must be {expected}")]
    Value {
        /// The text of the layer.
        layer: String,
        /// PyTorch's name of the argument.
        argument: &'static str,
        /// The given value.
        value: String,
        /// The supported values.
        expected: String,
    },

    /// The layer has no such argument.
    #[error("{layer} has an unexpected argument: {argument}")]
    TooMany {
        /// The text of the layer.
        layer: String,
        /// The argument, as given.
        argument: String,
    },
}

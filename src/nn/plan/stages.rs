//! The stages that a device runs.

use crate::device::ops::{Activation, ConvolutionShape};
use crate::nn::storage_order::ChannelsLast;

/// Consecutive layers that are fused into one operation.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// y = activation(mask ⊙ (x·Wᵀ + b)).
    Linear(LinearStage),
    /// y = activation(mask ⊙ (x∗w + b)), or wᵀ in place of w.
    Convolution(ConvolutionStage),
    /// y = activation(normalized x).
    BatchNorm(BatchNormStage),
    /// y = activation(mask ⊙ x).
    Activation(ActivationStage),
    /// Converts an image from channels first to channels last, or back.
    Transpose(TransposeStage),
}

/// A Linear layer with its epilogue.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearStage {
    /// Its key in a `state_dict`, such as `model.0`.
    pub key: String,
    /// Features of the input.
    pub inputs: usize,
    /// Features of the output.
    pub outputs: usize,
    /// Whether its weights are normalized by their spectral norm.
    pub spectral_norm: bool,
    /// The image that the input's features are, if it is channels last.
    pub input_image: ChannelsLast,
    /// The same for the output.
    pub output_image: ChannelsLast,
    /// Whether a BatchNorm follows directly, which adds the bias.
    pub normalized: bool,
    /// Dropout and activation.
    pub epilogue: Epilogue,
}

impl LinearStage {
    /// The key of its weights.
    pub fn weight_key(&self) -> String {
        weight_key(&self.key, self.spectral_norm)
    }
}

/// The key of a layer's weights, as PyTorch's `parametrizations.spectral_norm` names them.
fn weight_key(key: &str, spectral_norm: bool) -> String {
    let name = if spectral_norm { "parametrizations.weight.original" } else { "weight" };
    format!("{key}.{name}")
}

/// A convolution with its epilogue.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionStage {
    /// Its key in a `state_dict`.
    pub key: String,
    /// The extents for one row. A transposed convolution computes x from y.
    pub shape: ConvolutionShape,
    /// Whether it is a transposed convolution.
    pub transposed: bool,
    /// Whether its weights are normalized by their spectral norm.
    pub spectral_norm: bool,
    /// Whether it has a bias.
    pub bias: bool,
    /// Whether a BatchNorm follows directly, which adds the bias.
    pub normalized: bool,
    /// Dropout and activation.
    pub epilogue: Epilogue,
}

impl ConvolutionStage {
    /// The key of its weights.
    pub fn weight_key(&self) -> String {
        weight_key(&self.key, self.spectral_norm)
    }

    /// Pixels of the output.
    pub fn pixels(&self) -> usize {
        let [height, width] =
            if self.transposed { self.shape.x_pixels } else { self.shape.y_pixels };
        height * width
    }

    /// Channels of the output.
    pub fn channels(&self) -> usize {
        if self.transposed { self.shape.inputs } else { self.shape.outputs }
    }
}

/// A BatchNorm with the activation that follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormStage {
    /// Its key in a `state_dict`.
    pub key: String,
    /// Features, or channels of an image, each normalized separately.
    pub features: usize,
    /// Pixels of an image, each of which counts as a row of the batch; else 1.
    pub pixels: usize,
    /// Whether it normalizes an image's channels.
    pub of_images: bool,
    /// The image that its features are, if it is channels last.
    pub image: ChannelsLast,
    /// Added to the variance.
    pub eps: f64,
    /// Momentum of the running statistics: the weight of the new batch.
    pub momentum: f64,
    /// The activation that follows, never a dropout.
    pub epilogue: Epilogue,
}

/// Dropout and an activation that are not fused with another layer.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationStage {
    /// Features of input and output.
    pub features: usize,
    /// Dropout and activation.
    pub epilogue: Epilogue,
}

/// Transposes an image's elements from (rows, columns) to (columns, rows).
#[derive(Clone, Debug, PartialEq)]
pub struct TransposeStage {
    /// Channels and pixels, or pixels and channels.
    pub extents: [usize; 2],
}

/// The fused dropout and activation of a stage: activation(mask ⊙ z).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    /// Dropout probability. With 0 there is a layer that does nothing.
    pub dropout: Option<f64>,
    /// The activation.
    pub activation: Activation,
}

impl Stage {
    /// Elements in a row of its output.
    pub fn outputs(&self) -> usize {
        match self {
            Stage::Linear(stage) => stage.outputs,
            Stage::Convolution(stage) => stage.pixels() * stage.channels(),
            Stage::BatchNorm(stage) => stage.pixels * stage.features,
            Stage::Activation(stage) => stage.features,
            Stage::Transpose(stage) => stage.extents.iter().product(),
        }
    }

    /// Elements of both singular vectors of its weights, if these are normalized by their spectral norm.
    pub fn singular_vectors(&self) -> usize {
        match self {
            Stage::Linear(LinearStage { inputs, outputs, spectral_norm: true, .. }) => {
                inputs + outputs
            }
            Stage::Convolution(ConvolutionStage { shape, spectral_norm: true, .. }) => {
                shape.window_len() + shape.outputs
            }
            _ => 0,
        }
    }

    /// Whether the gradient of its input may replace that of its output.
    pub fn is_in_place(&self) -> bool {
        match self {
            Stage::BatchNorm(_) | Stage::Activation(_) => true,
            Stage::Linear(_) | Stage::Convolution(_) | Stage::Transpose(_) => false,
        }
    }

    /// Its epilogue, if the stage supports one.
    fn epilogue(&self) -> Option<&Epilogue> {
        match self {
            Stage::Linear(stage) => Some(&stage.epilogue),
            Stage::Convolution(stage) => Some(&stage.epilogue),
            Stage::BatchNorm(stage) => Some(&stage.epilogue),
            Stage::Activation(stage) => Some(&stage.epilogue),
            Stage::Transpose(_) => None,
        }
    }

    pub(super) fn epilogue_mut(&mut self) -> Option<&mut Epilogue> {
        match self {
            Stage::Linear(stage) => Some(&mut stage.epilogue),
            Stage::Convolution(stage) => Some(&mut stage.epilogue),
            Stage::BatchNorm(stage) => Some(&mut stage.epilogue),
            Stage::Activation(stage) => Some(&mut stage.epilogue),
            Stage::Transpose(_) => None,
        }
    }

    /// Its activation.
    pub fn activation(&self) -> Activation {
        self.epilogue().map_or(Activation::Identity, |epilogue| epilogue.activation)
    }

    /// Its dropout probability, if it has dropout.
    pub fn dropout(&self) -> Option<f64> {
        self.epilogue()?.dropout.filter(|&p| p > 0.0)
    }

    /// Whether it treats all features alike, so that they may be stored in any order. A dropout mask
    /// has a fixed order.
    pub(super) fn treats_features_alike(&self) -> bool {
        self.dropout().is_none()
            && match self {
                Stage::Linear(_) | Stage::Activation(_) => true,
                Stage::BatchNorm(norm) => !norm.of_images,
                Stage::Convolution(_) | Stage::Transpose(_) => false,
            }
    }

    /// Whether it has parameters.
    pub(super) fn learns(&self) -> bool {
        match self {
            Stage::Linear(_) | Stage::Convolution(_) | Stage::BatchNorm(_) => true,
            Stage::Activation(_) | Stage::Transpose(_) => false,
        }
    }

    /// Elements in the dropout mask of one row.
    pub fn mask_len(&self) -> usize {
        if self.dropout().is_some() { self.outputs() } else { 0 }
    }
}

impl Epilogue {
    /// Whether it does nothing.
    pub fn is_none(&self) -> bool {
        self.dropout.is_none() && self.activation == Activation::Identity
    }

    pub(super) const NONE: Epilogue = Epilogue { dropout: None, activation: Activation::Identity };

    /// Fuses an activation, if there is none yet; returns whether it did.
    pub(super) fn activate(&mut self, activation: Activation) -> bool {
        let free = self.activation == Activation::Identity;
        if free {
            self.activation = activation;
        }
        free
    }

    /// Fuses a dropout; returns whether it did. After an activation only if mask ⊙ f(z) = f(mask ⊙ z);
    /// masks are not negative.
    pub(super) fn drop(&mut self, probability: f64) -> bool {
        use Activation::{Identity, LeakyRelu, Relu};
        let commutes = matches!(self.activation, Identity | Relu | LeakyRelu { .. });
        let joined = self.dropout.is_none() && commutes;
        if joined {
            self.dropout = Some(probability);
        }
        joined
    }
}

/// Removes the activation of the last stage, and the stage if nothing else is left of it.
pub(in crate::nn) fn remove_activation(stages: &mut Vec<Stage>) {
    let Some(last) = stages.last_mut() else { return };
    if let Some(epilogue) = last.epilogue_mut() {
        epilogue.activation = Activation::Identity;
    }
    if matches!(last, Stage::Activation(stage) if stage.epilogue == Epilogue::NONE) {
        stages.pop();
    }
}

//! What a device runs of a network.

use crate::device::ops::{Activation, ConvolutionShape};
use crate::nn::storage_order::ChannelsLast;

/// Neighbouring layers that a device runs together.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// y = activation(mask ⊙ (x·Wᵀ + b)).
    Linear(LinearStage),
    /// y = activation(mask ⊙ (x∗w + b)), or wᵀ in place of w.
    Convolution(ConvolutionStage),
    /// y = activation(normalised x).
    BatchNorm(BatchNormStage),
    /// y = activation(mask ⊙ x).
    Activation(ActivationStage),
    /// An image's planes as pixels, or the other way round.
    Transpose(TransposeStage),
}

/// A Linear layer with what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct LinearStage {
    /// Its key in a `state_dict`, as `model.0`.
    pub key: String,
    /// Features of the input.
    pub inputs: usize,
    /// Features of the output.
    pub outputs: usize,
    /// What the input's features are, where they are an image's, channels last.
    pub input_image: ChannelsLast,
    /// The same of the output's.
    pub output_image: ChannelsLast,
    /// Whether a BatchNorm follows at once, which adds the bias.
    pub normalized: bool,
    /// Dropout and activation.
    pub epilogue: Epilogue,
}

/// A convolution with what follows it.
#[derive(Clone, Debug, PartialEq)]
pub struct ConvolutionStage {
    /// Its key in a `state_dict`.
    pub key: String,
    /// Of the convolution for one row. A transposed convolution goes from its y to its x.
    pub shape: ConvolutionShape,
    /// Whether it is a transposed one.
    pub transposed: bool,
    /// Whether it has a bias.
    pub bias: bool,
    /// Whether a BatchNorm follows at once, which adds the bias.
    pub normalized: bool,
    /// Dropout and activation.
    pub epilogue: Epilogue,
}

impl ConvolutionStage {
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

/// A BatchNorm with the activation behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormStage {
    /// Its key in a `state_dict`.
    pub key: String,
    /// Features, or channels of an image, each normalised on its own.
    pub features: usize,
    /// Pixels of an image, each as a row of a batch; else 1.
    pub pixels: usize,
    /// Whether it is of an image's channels.
    pub of_images: bool,
    /// What its features are, where they are all of an image, channels last.
    pub image: ChannelsLast,
    /// What is added to the variance.
    pub eps: f64,
    /// Weight of the new batch in the running statistics.
    pub momentum: f64,
    /// The activation behind it, and never a dropout.
    pub epilogue: Epilogue,
}

/// Dropout and an activation that nothing else takes up.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationStage {
    /// Features of input and output.
    pub features: usize,
    /// What is done to them.
    pub epilogue: Epilogue,
}

/// An image's numbers in another order: from (rows, columns) to (columns, rows).
#[derive(Clone, Debug, PartialEq)]
pub struct TransposeStage {
    /// Channels and pixels, or pixels and channels.
    pub extents: [usize; 2],
}

/// activation(mask ⊙ z).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epilogue {
    /// Dropout probability. With 0 the layer is in the list and does nothing.
    pub dropout: Option<f64>,
    /// The function at the end.
    pub activation: Activation,
}

impl Stage {
    /// Numbers of its output, in a row.
    pub fn outputs(&self) -> usize {
        match self {
            Stage::Linear(stage) => stage.outputs,
            Stage::Convolution(stage) => stage.pixels() * stage.channels(),
            Stage::BatchNorm(stage) => stage.pixels * stage.features,
            Stage::Activation(stage) => stage.features,
            Stage::Transpose(stage) => stage.extents.iter().product(),
        }
    }

    /// Whether the gradient of its input may replace that of its output.
    pub fn is_in_place(&self) -> bool {
        match self {
            Stage::BatchNorm(_) | Stage::Activation(_) => true,
            Stage::Linear(_) | Stage::Convolution(_) | Stage::Transpose(_) => false,
        }
    }

    /// What it does to its output in the end, if it can.
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

    /// The function at its end.
    pub fn activation(&self) -> Activation {
        self.epilogue().map_or(Activation::Identity, |epilogue| epilogue.activation)
    }

    /// The probability with which it drops activations in training, if it does.
    pub fn dropout(&self) -> Option<f64> {
        self.epilogue()?.dropout.filter(|&p| p > 0.0)
    }

    /// Whether it treats all its features alike, so that they may stand in any order. A dropout's mask has
    /// one.
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

    /// Numbers in the dropout mask of one row.
    pub fn mask_len(&self) -> usize {
        if self.dropout().is_some() { self.outputs() } else { 0 }
    }
}

impl Epilogue {
    pub(super) const NONE: Epilogue = Epilogue { dropout: None, activation: Activation::Identity };

    /// Takes up an activation, if there is none yet.
    pub(super) fn activate(&mut self, activation: Activation) -> bool {
        let free = self.activation == Activation::Identity;
        if free {
            self.activation = activation;
        }
        free
    }

    /// Takes up a dropout. Behind an activation only where mask ⊙ f(z) = f(mask ⊙ z): a mask is not
    /// negative.
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

/// Takes off the activation of the last stage, and the stage if it is nothing else.
pub(in crate::nn) fn remove_activation(stages: &mut Vec<Stage>) {
    let Some(last) = stages.last_mut() else { return };
    if let Some(epilogue) = last.epilogue_mut() {
        epilogue.activation = Activation::Identity;
    }
    if matches!(last, Stage::Activation(stage) if stage.epilogue == Epilogue::NONE) {
        stages.pop();
    }
}

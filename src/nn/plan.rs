//! From a list of layers to what a device runs: shapes are checked, neighbours joined.
//!
//! A matrix product takes up the bias, a dropout mask and an activation that follow it, a
//! normalisation the bias before it and the activation behind. What cannot be joined is a stage of
//! its own.

use super::layer::{BatchNorm, Layer};
use super::sequence::{Input, Sequence, SpecProblem, place_prefix};
use super::shape::Shape;
use crate::device::ops::Activation;

/// Neighbouring layers that a device runs together.
#[derive(Clone, Debug, PartialEq)]
pub enum Stage {
    /// y = activation(mask ⊙ (x·Wᵀ + b)).
    Linear(LinearStage),
    /// y = activation(normalised x).
    BatchNorm(BatchNormStage),
    /// y = activation(mask ⊙ x).
    Activation(ActivationStage),
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
    /// Whether a BatchNorm follows at once, which adds the bias.
    pub normalized: bool,
    /// Dropout and activation.
    pub tail: Tail,
}

/// A BatchNorm with the activation behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNormStage {
    /// Its key in a `state_dict`.
    pub key: String,
    /// Features, each normalised on its own.
    pub features: usize,
    /// What is added to the variance.
    pub eps: f64,
    /// Weight of the new batch in the running statistics.
    pub momentum: f64,
    /// The activation behind it, and never a dropout.
    pub tail: Tail,
}

/// Dropout and an activation that nothing else takes up.
#[derive(Clone, Debug, PartialEq)]
pub struct ActivationStage {
    /// Features of input and output.
    pub features: usize,
    /// What is done to them.
    pub tail: Tail,
}

/// activation(mask ⊙ z).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// Dropout probability. With 0 the layer is in the list and does nothing.
    pub dropout: Option<f64>,
    /// The function at the end.
    pub activation: Activation,
}

impl Stage {
    /// Features of its output.
    pub fn outputs(&self) -> usize {
        match self {
            Stage::Linear(stage) => stage.outputs,
            Stage::BatchNorm(stage) => stage.features,
            Stage::Activation(stage) => stage.features,
        }
    }

    /// What it does to its output in the end.
    fn tail(&self) -> &Tail {
        match self {
            Stage::Linear(stage) => &stage.tail,
            Stage::BatchNorm(stage) => &stage.tail,
            Stage::Activation(stage) => &stage.tail,
        }
    }

    fn tail_mut(&mut self) -> &mut Tail {
        match self {
            Stage::Linear(stage) => &mut stage.tail,
            Stage::BatchNorm(stage) => &mut stage.tail,
            Stage::Activation(stage) => &mut stage.tail,
        }
    }

    /// The function at its end.
    pub fn activation(&self) -> Activation {
        self.tail().activation
    }

    /// The probability with which it drops activations in training, if it does.
    pub fn dropout(&self) -> Option<f64> {
        self.tail().dropout.filter(|&p| p > 0.0)
    }

    /// Numbers in the dropout mask of one row.
    pub fn masked(&self) -> usize {
        if self.dropout().is_some() { self.outputs() } else { 0 }
    }
}

impl Tail {
    const NOTHING: Tail = Tail { dropout: None, activation: Activation::Identity };

    /// Takes up an activation, if there is none yet.
    fn activate(&mut self, activation: Activation) -> bool {
        let free = self.activation == Activation::Identity;
        if free {
            self.activation = activation;
        }
        free
    }

    /// Takes up a dropout. Behind an activation only where mask ⊙ f(z) = f(mask ⊙ z): a mask is not
    /// negative.
    fn drop(&mut self, probability: f64) -> bool {
        use Activation::{Identity, LeakyRelu, Relu};
        let commutes = matches!(self.activation, Identity | Relu | LeakyRelu { .. });
        let joined = self.dropout.is_none() && commutes;
        if joined {
            self.dropout = Some(probability);
        }
        joined
    }
}

/// The stages of a network, and the shape of its output.
///
/// # Errors
/// [`SpecProblem`] names the first layer that does not fit.
pub(super) fn plan(
    input: Input,
    sequences: &[Sequence],
) -> Result<(Vec<Stage>, Shape), SpecProblem> {
    let mut plan = Plan { stages: Vec::new(), shape: entrance(input, sequences) };
    for Sequence { key_prefix, layers } in sequences {
        for (i, &layer) in layers.iter().enumerate() {
            let place = format!("{}{i}", place_prefix(sequences, key_prefix));
            plan.add(format!("{key_prefix}{i}"), layer).map_err(|misfit| match misfit {
                Misfit::Shape(shape) => {
                    SpecProblem::Shape { place, layer: layer.to_string(), shape: shape.to_string() }
                }
                Misfit::Layer(reason) => {
                    SpecProblem::Layer { place, layer: layer.to_string(), reason }
                }
            })?;
        }
    }
    if plan.stages.is_empty() { Err(SpecProblem::Empty) } else { Ok((plan.stages, plan.shape)) }
}

/// What comes into the first layer. With a label beside it, and where the layer is one of features,
/// an image is features.
fn entrance(input: Input, sequences: &[Sequence]) -> Shape {
    let first = sequences.iter().find_map(|sequence| sequence.layers.first());
    let label = input.label.map_or(0, |label| label.classes);
    match first {
        Some(Layer::Linear { .. }) => Shape::Features(input.shape.numbers() + label),
        _ if label > 0 => Shape::Features(input.shape.numbers() + label),
        _ => input.shape,
    }
}

/// Takes off the activation of the last stage, and the stage if it is nothing else.
pub(super) fn take_off_activation(stages: &mut Vec<Stage>) {
    let Some(last) = stages.last_mut() else { return };
    last.tail_mut().activation = Activation::Identity;
    if matches!(last, Stage::Activation(stage) if stage.tail == Tail::NOTHING) {
        stages.pop();
    }
}

/// Why a layer does not fit.
enum Misfit {
    Shape(Shape),
    Layer(&'static str),
}

/// A plan in the making.
struct Plan {
    stages: Vec<Stage>,
    /// What comes out of it so far.
    shape: Shape,
}

impl Plan {
    fn add(&mut self, key: String, layer: Layer) -> Result<(), Misfit> {
        let before = self.shape;
        self.shape = before.behind(layer).ok_or(Misfit::Shape(before))?;
        match layer {
            Layer::Linear { inputs, outputs } => {
                let (normalized, tail) = (false, Tail::NOTHING);
                let stage = LinearStage { key, inputs, outputs, normalized, tail };
                self.stages.push(Stage::Linear(stage));
            }
            Layer::BatchNorm1d(norm) => self.batch_norm(key, norm)?,
            Layer::Dropout(probability) => self.dropout(probability)?,
            Layer::LeakyRelu(slope) => self.activation(Activation::LeakyRelu { slope })?,
            Layer::Relu => self.activation(Activation::Relu)?,
            Layer::Tanh => self.activation(Activation::Tanh)?,
            Layer::Sigmoid => self.activation(Activation::Sigmoid)?,
            Layer::Flatten | Layer::Unflatten(_) => {}
            Layer::Conv2d(_) | Layer::ConvTranspose2d { .. } | Layer::BatchNorm2d(_) => {
                return Err(Misfit::Layer("cannot be trained yet: only layers of features can"));
            }
        }
        Ok(())
    }

    fn batch_norm(&mut self, key: String, norm: BatchNorm) -> Result<(), Misfit> {
        let BatchNorm { features, eps, momentum } = norm;
        if let Stage::Linear(stage) = self.last()? {
            stage.normalized = stage.tail == Tail::NOTHING;
        }
        let stage = BatchNormStage { key, features, eps, momentum, tail: Tail::NOTHING };
        self.stages.push(Stage::BatchNorm(stage));
        Ok(())
    }

    fn dropout(&mut self, probability: f64) -> Result<(), Misfit> {
        let joined = match self.last()? {
            // Its operation takes no mask.
            Stage::BatchNorm(_) => false,
            stage => stage.tail_mut().drop(probability),
        };
        if !joined {
            self.alone(Tail { dropout: Some(probability), ..Tail::NOTHING });
        }
        Ok(())
    }

    fn activation(&mut self, activation: Activation) -> Result<(), Misfit> {
        let joined = self.last()?.tail_mut().activate(activation);
        if !joined {
            self.alone(Tail { activation, ..Tail::NOTHING });
        }
        Ok(())
    }

    fn alone(&mut self, tail: Tail) {
        let features = self.shape.numbers();
        self.stages.push(Stage::Activation(ActivationStage { features, tail }));
    }

    /// The stage that a layer follows.
    fn last(&mut self) -> Result<&mut Stage, Misfit> {
        self.stages.last_mut().ok_or(Misfit::Layer("cannot come first: begin with a Linear"))
    }
}

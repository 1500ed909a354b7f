//! From a list of layers to what a device runs: shapes are checked, neighbours joined.
//!
//! A product takes up the bias, a dropout mask and an activation that follow it, a normalisation the
//! bias before it and the activation behind. What cannot be joined is a stage of its own.
//!
//! PyTorch has images as planes, a channel behind the other; convolutions want them channels last.
//! Where it matters in which order the numbers of an image are, a [`TransposeStage`] changes it.

use super::layer::{BatchNorm, Convolution, Layer};
use super::sequence::{Input, Sequence, SpecProblem, place_prefix};
use super::shape::Shape;
use crate::device::ops::{Activation, ConvolutionShape};

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
    /// Whether a BatchNorm follows at once, which adds the bias.
    pub normalized: bool,
    /// Dropout and activation.
    pub tail: Tail,
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
    pub tail: Tail,
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

/// An image's numbers in another order: from (rows, columns) to (columns, rows).
#[derive(Clone, Debug, PartialEq)]
pub struct TransposeStage {
    /// Channels and pixels, or pixels and channels.
    pub extents: [usize; 2],
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
    fn tail(&self) -> Option<&Tail> {
        match self {
            Stage::Linear(stage) => Some(&stage.tail),
            Stage::Convolution(stage) => Some(&stage.tail),
            Stage::BatchNorm(stage) => Some(&stage.tail),
            Stage::Activation(stage) => Some(&stage.tail),
            Stage::Transpose(_) => None,
        }
    }

    fn tail_mut(&mut self) -> Option<&mut Tail> {
        match self {
            Stage::Linear(stage) => Some(&mut stage.tail),
            Stage::Convolution(stage) => Some(&mut stage.tail),
            Stage::BatchNorm(stage) => Some(&mut stage.tail),
            Stage::Activation(stage) => Some(&mut stage.tail),
            Stage::Transpose(_) => None,
        }
    }

    /// The function at its end.
    pub fn activation(&self) -> Activation {
        self.tail().map_or(Activation::Identity, |tail| tail.activation)
    }

    /// The probability with which it drops activations in training, if it does.
    pub fn dropout(&self) -> Option<f64> {
        self.tail()?.dropout.filter(|&p| p > 0.0)
    }

    /// Whether it has parameters.
    fn learns(&self) -> bool {
        match self {
            Stage::Linear(_) | Stage::Convolution(_) | Stage::BatchNorm(_) => true,
            Stage::Activation(_) | Stage::Transpose(_) => false,
        }
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

/// A network, planned.
pub(super) struct Planned {
    pub(super) stages: Vec<Stage>,
    /// What comes into each layer.
    pub(super) inputs: Vec<Shape>,
    /// What comes out of the last.
    pub(super) output: Shape,
}

/// The stages of a network, and the shapes between its layers.
///
/// # Errors
/// [`SpecProblem`] names the first layer that does not fit.
pub(super) fn plan(input: Input, sequences: &[Sequence]) -> Result<Planned, SpecProblem> {
    let (mut plan, mut inputs) = (Plan::new(input, sequences), Vec::new());
    for Sequence { key_prefix, view, layers } in sequences {
        if let &Some(view) = view {
            plan.view(view).map_err(|shape| SpecProblem::View {
                key_prefix: key_prefix.clone(),
                view: view.to_string(),
                shape: shape.to_string(),
            })?;
        }
        for (i, &layer) in layers.iter().enumerate() {
            let place = format!("{}{i}", place_prefix(sequences, key_prefix));
            inputs.push(plan.shape);
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
    plan.planes();
    match plan.stages.iter().any(Stage::learns) {
        true => Ok(Planned { stages: plan.stages, inputs, output: plan.shape }),
        false => Err(SpecProblem::Empty),
    }
}

/// Takes off the activation of the last stage, and the stage if it is nothing else.
pub(super) fn take_off_activation(stages: &mut Vec<Stage>) {
    let Some(last) = stages.last_mut() else { return };
    if let Some(tail) = last.tail_mut() {
        tail.activation = Activation::Identity;
    }
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
    /// Channels and pixels, where these numbers stand channels last.
    channels_last: Option<[usize; 2]>,
}

impl Plan {
    /// What comes into the first layer. An image is features for a layer of features. A label stands
    /// beside these, or at every pixel, where the two are then channels last.
    fn new(input: Input, sequences: &[Sequence]) -> Self {
        let first = sequences.iter().find_map(|sequence| sequence.layers.first());
        let label = input.label.map_or(0, |label| label.classes);
        let numbers = input.shape.numbers() + label;
        let (shape, channels_last) = match (first, input.shape) {
            (Some(Layer::Linear { .. }), _) => (Shape::Features(numbers), None),
            (Some(first), Shape::Image([channels, height, width]))
                if label > 0 && first.convolves() =>
            {
                let channels = channels + label;
                let last = in_two_orders([channels, height * width]);
                (Shape::Image([channels, height, width]), last)
            }
            _ if label > 0 => (Shape::Features(numbers), None),
            (_, shape) => (shape, None),
        };
        Self { stages: Vec::new(), shape, channels_last }
    }

    /// Gives the numbers another shape.
    fn view(&mut self, view: Shape) -> Result<(), Shape> {
        let before = std::mem::replace(&mut self.shape, view);
        if before.numbers() == view.numbers() { Ok(()) } else { Err(before) }
    }

    fn add(&mut self, key: String, layer: Layer) -> Result<(), Misfit> {
        let before = self.shape;
        let behind = before.behind(layer).ok_or(Misfit::Shape(before))?;
        match layer {
            Layer::Linear { inputs, outputs } => {
                self.planes();
                let (normalized, tail) = (false, Tail::NOTHING);
                let stage = LinearStage { key, inputs, outputs, normalized, tail };
                self.stages.push(Stage::Linear(stage));
            }
            Layer::Conv2d(convolution) => {
                self.convolution(key, convolution, [before, behind], false)
            }
            Layer::ConvTranspose2d { convolution, .. } => {
                self.convolution(key, convolution, [before, behind], true);
            }
            Layer::BatchNorm1d(norm) | Layer::BatchNorm2d(norm) => self.batch_norm(key, norm)?,
            Layer::Dropout(probability) => self.dropout(probability)?,
            Layer::LeakyRelu(slope) => self.activation(Activation::LeakyRelu { slope })?,
            Layer::Relu => self.activation(Activation::Relu)?,
            Layer::Tanh => self.activation(Activation::Tanh)?,
            Layer::Sigmoid => self.activation(Activation::Sigmoid)?,
            Layer::Flatten | Layer::Unflatten(_) => {}
        }
        self.shape = behind;
        Ok(())
    }

    fn convolution(
        &mut self,
        key: String,
        layer: Convolution,
        [before, behind]: [Shape; 2],
        transposed: bool,
    ) {
        self.pixels();
        let [before, behind] = [before, behind].map(Shape::image);
        let (x, y) = if transposed { (behind, before) } else { (before, behind) };
        let shape = ConvolutionShape {
            rows: 1,
            x_pixels: [x[1], x[2]],
            y_pixels: [y[1], y[2]],
            inputs: x[0],
            outputs: y[0],
            kernel: layer.kernel,
            stride: layer.stride,
            padding: layer.padding,
        };
        let (bias, normalized, tail) = (layer.bias, false, Tail::NOTHING);
        let stage = ConvolutionStage { key, shape, transposed, bias, normalized, tail };
        self.channels_last = in_two_orders([behind[0], behind[1] * behind[2]]);
        self.stages.push(Stage::Convolution(stage));
    }

    fn batch_norm(&mut self, key: String, norm: BatchNorm) -> Result<(), Misfit> {
        self.last()?;
        let (pixels, of_images) = match self.shape {
            Shape::Features(_) => {
                self.planes();
                (1, false)
            }
            Shape::Image([_, height, width]) => {
                self.pixels();
                (height * width, true)
            }
        };
        let BatchNorm { features, eps, momentum } = norm;
        match self.last()? {
            Stage::Linear(stage) if pixels == 1 => {
                stage.normalized = stage.tail == Tail::NOTHING;
            }
            Stage::Convolution(stage) if stage.pixels() == pixels => {
                stage.normalized = stage.tail == Tail::NOTHING;
            }
            _ => {}
        }
        let tail = Tail::NOTHING;
        let stage = BatchNormStage { key, features, pixels, of_images, eps, momentum, tail };
        self.stages.push(Stage::BatchNorm(stage));
        Ok(())
    }

    fn dropout(&mut self, probability: f64) -> Result<(), Misfit> {
        let joined = match self.last()? {
            // Its operation takes no mask.
            Stage::BatchNorm(_) => false,
            stage => stage.tail_mut().is_some_and(|tail| tail.drop(probability)),
        };
        if !joined {
            self.alone(Tail { dropout: Some(probability), ..Tail::NOTHING });
        }
        Ok(())
    }

    fn activation(&mut self, activation: Activation) -> Result<(), Misfit> {
        let joined = self.last()?.tail_mut().is_some_and(|tail| tail.activate(activation));
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
        let problem = "cannot come first: begin with a Linear or a convolution";
        self.stages.last_mut().ok_or(Misfit::Layer(problem))
    }

    /// Brings an image's numbers into PyTorch's order.
    fn planes(&mut self) {
        if let Some([channels, pixels]) = self.channels_last.take() {
            let extents = [pixels, channels];
            self.stages.push(Stage::Transpose(TransposeStage { extents }));
        }
    }

    /// Brings an image's numbers into the order of convolutions.
    fn pixels(&mut self) {
        let [channels, height, width] = self.shape.image();
        let last = in_two_orders([channels, height * width]);
        if self.channels_last == last {
            return;
        }
        self.planes();
        if let Some(extents) = last {
            self.stages.push(Stage::Transpose(TransposeStage { extents }));
        }
        self.channels_last = last;
    }
}

/// Channels and pixels, unless there is only one order of them.
fn in_two_orders(extents: [usize; 2]) -> Option<[usize; 2]> {
    (extents[0] > 1 && extents[1] > 1).then_some(extents)
}

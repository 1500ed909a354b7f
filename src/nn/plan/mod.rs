//! From a list of layers to the stages that a device runs: checks shapes and fuses layers.
//!
//! A Linear or convolution is fused with the bias, dropout mask and activation that follow it; a
//! BatchNorm with the bias before it and the activation after it. A layer that cannot be fused is a
//! stage of its own.
//!
//! PyTorch's images are channels first; convolutions here require channels last. Layers of features
//! between them, such as Linear, store their weights in that order. Where that is not possible, as at
//! a network's ends, a [`TransposeStage`] converts the image.

mod image_order;
mod stages;

use super::layer::{BatchNorm, Convolution, Layer};
use super::sequence::{Input, Sequence, SpecProblem};
use super::shape::Shape;
use super::storage_order::ChannelsLast;
use crate::device::ops::{Activation, ConvolutionShape};
use image_order::channels_last;
use stages::Epilogue;
pub(super) use stages::remove_activation;
pub use stages::{
    ActivationStage, BatchNormStage, ConvolutionStage, LinearStage, Stage, TransposeStage,
};

/// Maximum height and width of an image between layers: more than fits into memory, and small enough
/// that no product of extents overflows.
const MAX_PIXELS: usize = 65_536;

/// The plan of a network.
pub(super) struct Planned {
    pub(super) stages: Vec<Stage>,
    /// The input shape of each layer.
    pub(super) inputs: Vec<Shape>,
    /// The output shape of the last layer.
    pub(super) output: Shape,
}

/// The stages of a network, and the shapes between its layers.
///
/// # Errors
/// [`SpecProblem`] names the first layer that does not fit.
pub(super) fn plan(input: &Input, sequences: &[Sequence]) -> Result<Planned, SpecProblem> {
    let (mut plan, mut inputs) = (Plan::new(input, sequences), Vec::new());
    for sequence in sequences {
        if let Some(view) = sequence.view {
            plan.view(view).map_err(|shape| SpecProblem::View {
                key_prefix: sequence.key_prefix.clone(),
                view: view.to_string(),
                shape: shape.to_string(),
            })?;
        }
        for (i, &layer) in sequence.layers.iter().enumerate() {
            let index = sequence.index(i, sequences.len() > 1);
            inputs.push(plan.shape);
            plan.add(sequence.key(i), layer).map_err(|mismatch| match mismatch {
                Mismatch::Shape(shape) => {
                    SpecProblem::Shape { index, layer: layer.to_string(), shape: shape.to_string() }
                }
                Mismatch::Layer(reason) => {
                    SpecProblem::Layer { index, layer: layer.to_string(), reason }
                }
            })?;
        }
    }
    plan.make_channels_first();
    match plan.stages.iter().any(Stage::learns) {
        true => Ok(Planned { stages: plan.stages, inputs, output: plan.shape }),
        false => Err(SpecProblem::Empty),
    }
}

/// Why a layer does not fit.
enum Mismatch {
    Shape(Shape),
    Layer(&'static str),
}

/// A plan under construction.
struct Plan {
    stages: Vec<Stage>,
    /// The output shape so far.
    shape: Shape,
    /// The image that the output is, if it is stored channels last.
    channels_last: ChannelsLast,
}

impl Plan {
    /// A plan for the first layer's input. A Linear takes an image as features. A label's embedding is
    /// concatenated to features, or to every pixel of an image, which is then channels last.
    fn new(input: &Input, sequences: &[Sequence]) -> Self {
        let first = sequences.iter().find_map(|sequence| sequence.layers.first());
        let label = input.label.as_ref().map_or(0, |label| label.classes);
        let numbers = input.shape.elements() + label;
        let (shape, channels_last) = match (first, input.shape) {
            (Some(Layer::Linear { .. }), _) => (Shape::Features(numbers), None),
            (Some(first), Shape::Image([channels, height, width]))
                if label > 0 && first.convolves() =>
            {
                let channels = channels + label;
                let last = channels_last([channels, height * width]);
                (Shape::Image([channels, height, width]), last)
            }
            _ if label > 0 => (Shape::Features(numbers), None),
            (_, shape) => (shape, None),
        };
        Self { stages: Vec::new(), shape, channels_last }
    }

    /// Reshapes the output.
    fn view(&mut self, view: Shape) -> Result<(), Shape> {
        let before = std::mem::replace(&mut self.shape, view);
        if before.elements() == view.elements() { Ok(()) } else { Err(before) }
    }

    fn add(&mut self, key: String, layer: Layer) -> Result<(), Mismatch> {
        let before = self.shape;
        let behind = before.after(layer).ok_or(Mismatch::Shape(before))?;
        if behind.image()[1..].iter().any(|&side| side > MAX_PIXELS) {
            return Err(Mismatch::Layer("makes an image of more than 65,536 pixels a side"));
        }
        match layer {
            Layer::Linear { inputs, outputs } => {
                self.stages.push(Stage::Linear(LinearStage {
                    key,
                    inputs,
                    outputs,
                    spectral_norm: false,
                    input_image: self.channels_last.take(),
                    output_image: None,
                    normalized: false,
                    epilogue: Epilogue::NONE,
                }));
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
        self.make_channels_last();
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
        let (bias, normalized, epilogue) = (layer.bias, false, Epilogue::NONE);
        let spectral_norm = false;
        let stage =
            ConvolutionStage { key, shape, transposed, spectral_norm, bias, normalized, epilogue };
        self.channels_last = channels_last([behind[0], behind[1] * behind[2]]);
        self.stages.push(Stage::Convolution(stage));
    }

    fn batch_norm(&mut self, key: String, norm: BatchNorm) -> Result<(), Mismatch> {
        self.last()?;
        let (pixels, of_images, image) = match self.shape {
            Shape::Features(_) => (1, false, self.channels_last),
            Shape::Image([_, height, width]) => {
                self.make_channels_last();
                (height * width, true, None)
            }
        };
        let BatchNorm { features, eps, momentum } = norm;
        match self.last()? {
            Stage::Linear(stage) if pixels == 1 => {
                stage.normalized = stage.epilogue == Epilogue::NONE;
            }
            Stage::Convolution(stage) if stage.pixels() == pixels => {
                stage.normalized = stage.epilogue == Epilogue::NONE;
            }
            _ => {}
        }
        let epilogue = Epilogue::NONE;
        let stage =
            BatchNormStage { key, features, pixels, of_images, image, eps, momentum, epilogue };
        self.stages.push(Stage::BatchNorm(stage));
        Ok(())
    }

    fn dropout(&mut self, probability: f64) -> Result<(), Mismatch> {
        let joined = match self.last()? {
            // The BatchNorm operation takes no mask.
            Stage::BatchNorm(_) => false,
            stage => stage.epilogue_mut().is_some_and(|epilogue| epilogue.drop(probability)),
        };
        if !joined {
            self.unfused(Epilogue { dropout: Some(probability), ..Epilogue::NONE });
        }
        Ok(())
    }

    fn activation(&mut self, activation: Activation) -> Result<(), Mismatch> {
        let joined =
            self.last()?.epilogue_mut().is_some_and(|epilogue| epilogue.activate(activation));
        if !joined {
            self.unfused(Epilogue { activation, ..Epilogue::NONE });
        }
        Ok(())
    }

    /// Adds a stage for a dropout or an activation that is not fused.
    fn unfused(&mut self, epilogue: Epilogue) {
        let features = self.shape.elements();
        self.stages.push(Stage::Activation(ActivationStage { features, epilogue }));
    }

    /// The last stage, before a layer that cannot come first.
    fn last(&mut self) -> Result<&mut Stage, Mismatch> {
        let problem = "cannot come first: begin with a Linear or a convolution";
        self.stages.last_mut().ok_or(Mismatch::Layer(problem))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::NetworkSpec;

    #[test]
    fn batch_norm_is_fused_with_the_bias_of_a_convolution_right_before_it() {
        let normalized = |layers: &str| {
            let layers = layers.split('|').map(|layer| layer.parse().unwrap()).collect();
            let sequence = Sequence { key_prefix: String::new(), view: None, layers };
            let input = Input { shape: Shape::Image([1, 4, 4]), label: None };
            let spec = NetworkSpec::new(input, vec![sequence]).unwrap();
            spec.stages().iter().any(
                |stage| matches!(stage, Stage::Convolution(convolution) if convolution.normalized),
            )
        };
        assert!(normalized("Conv2d(1, 2, 3)|BatchNorm2d(2)"));
        assert!(!normalized("Conv2d(1, 2, 3)|ReLU()|BatchNorm2d(2)"));
        assert!(!normalized("Conv2d(1, 2, 3)|Flatten()|BatchNorm1d(8)"));
        assert!(!normalized("Conv2d(1, 2, 3)|Dropout(0.1)|BatchNorm2d(2)"));
    }
}

//! Shapes that PyTorch does not print: views between sequences, the size of an image.

use super::error::{ImportProblem, Result};
use crate::data::ImageShape;
use crate::nn::{Layer, Shape};

/// The input that a layer expects.
#[derive(Clone, Copy)]
pub(super) enum Wanted {
    Features(usize),
    Channels(usize),
}

/// The input that a layer expects, if that depends on its arguments.
pub(super) fn wanted(layer: Layer) -> Option<Wanted> {
    match layer {
        Layer::Linear { inputs, .. } => Some(Wanted::Features(inputs)),
        Layer::BatchNorm1d(norm) => Some(Wanted::Features(norm.features)),
        Layer::Conv2d(convolution) | Layer::ConvTranspose2d { convolution, .. } => {
            Some(Wanted::Channels(convolution.inputs))
        }
        Layer::BatchNorm2d(norm) => Some(Wanted::Channels(norm.features)),
        _ => None,
    }
}

/// The reshape before these layers, if they do not accept `shape` as it is.
pub(super) fn view(shape: Shape, layers: &[Layer]) -> Option<Shape> {
    let reshapes = |layer: &Layer| matches!(layer, Layer::Flatten | Layer::Unflatten(_));
    let first = layers.iter().take_while(|layer| !reshapes(layer)).find_map(|&layer| wanted(layer));
    match (shape, first?) {
        (Shape::Features(features), Wanted::Channels(channels)) => {
            square(features, channels).map(Shape::Image)
        }
        (Shape::Image(_), Wanted::Features(features)) if shape.elements() == features => {
            Some(Shape::Features(features))
        }
        _ => None,
    }
}

/// The square image with this number of channels and elements.
fn square(elements: usize, channels: usize) -> Option<[usize; 3]> {
    let side = (elements / channels).isqrt();
    (channels * side * side == elements).then_some([channels, side, side])
}

/// The image that the generator's output is; `channels` are those that the discriminator expects, if
/// it begins with a convolution.
pub(super) fn image(output: Shape, channels: Option<usize>) -> Result<ImageShape> {
    let possible = channels.map_or(vec![1, 3], |channels| vec![channels]);
    let image = match output {
        Shape::Image(image) => Some(image),
        Shape::Features(features) => {
            possible.into_iter().find_map(|channels| square(features, channels))
        }
    };
    match image {
        Some([channels @ (1 | 3), height, width]) if height == width => {
            Ok(ImageShape { channels, height, width })
        }
        _ => Err(ImportProblem::NotAnImage { output: output.to_string() }),
    }
}

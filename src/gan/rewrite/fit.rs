//! Makes the layers of a network fit each other and the network's input and output.
//!
//! A network consists of groups: a Linear or a convolution with the layers that follow it, up to
//! the next Linear or convolution. All groups but the last are hidden layers; their widths are
//! features, or channels of an image.

use super::list;
use crate::data::ImageShape;
use crate::gan::role::Role;
use crate::gan::settings::{Layers, Settings};
use crate::nn::layer::{BatchNorm, Convolution};
use crate::nn::{Layer, Shape};
use crate::ranges::OutOfRange;

/// The smallest image size between convolutions of a network that has only convolutions.
const MIN_INNER_SIZE: usize = 4;
/// The smallest image size that such a network can produce.
const MIN_IMAGE_SIZE: usize = 16;

/// A Linear or a convolution, and the layers that follow it up to the next one.
#[derive(Clone)]
struct Group {
    /// The index of its sequence.
    sequence: usize,
    layers: Vec<Layer>,
}

impl Settings {
    /// Adapts networks that have only convolutions to another image size: adds or removes a
    /// convolution for each doubling of the size, at the end away from the image.
    pub(super) fn set_levels(&mut self, name: &str, before: usize) -> Result<(), OutOfRange> {
        let size = self.image.height;
        let refuse = |expected| Err(OutOfRange::new("gan.image_size", size, expected));
        for role in Role::BOTH {
            let layers = self.layers_mut(role);
            if !layers.all().any(|layer| convolution(layer).is_some()) {
                continue;
            }
            if layers.all().any(|layer| matches!(layer, Layer::Linear { .. })) {
                return refuse(format!("{before}: {name} makes images of no other size"));
            }
            if !size.is_power_of_two() || size < MIN_IMAGE_SIZE {
                return refuse(format!("a power of two from {MIN_IMAGE_SIZE}, for {name}"));
            }
            let mut widths = layers.hidden();
            let from_image = |widths: &mut Vec<usize>| {
                if role == Role::Generator {
                    widths.reverse();
                }
            };
            from_image(&mut widths);
            while let (true, Some(last)) = (widths.len() < levels(size), widths.last()) {
                widths.push(2 * last);
            }
            widths.truncate(levels(size));
            from_image(&mut widths);
            layers.set_hidden(&widths);
        }
        Ok(())
    }

    /// Checks that a network that has only convolutions gets the number of widths that its image
    /// size needs.
    pub(super) fn check_levels(
        &self,
        key: &'static str,
        name: &str,
        role: Role,
        widths: &[usize],
    ) -> Result<(), OutOfRange> {
        let (layers, size) = (self.layers(role), self.image.height);
        let mut weighted = layers.all().filter(|layer| multiplies(layer));
        if !weighted.all(|layer| convolution(layer).is_some()) || widths.len() == levels(size) {
            return Ok(());
        }
        let expected = format!("{} widths, for images of {size}×{size} by {name}", levels(size));
        Err(OutOfRange::new(key, list(widths), expected))
    }

    /// Sets the input sizes of all layers of both networks, and the output sizes of the last
    /// layers.
    pub(super) fn fit(&mut self) {
        let label = self.classes.unwrap_or(0);
        let ImageShape { channels, height, width } = self.image;
        let noise = Shape::Features(self.latent_dim + label);
        self.generator.fit(noise, [channels, self.image.pixels()], [height, width]);
        let image = match self.discriminator.all().find(|layer| multiplies(layer)) {
            Some(first) if convolution(first).is_some() => {
                Shape::Image([self.pack * channels + label, height, width])
            }
            _ => Shape::Features(self.pack * self.image.pixels() + label),
        };
        self.discriminator.fit(image, [1, 1], [1, 1]);
    }
}

/// The number of hidden layers of a network that has only convolutions, for this image size.
fn levels(size: usize) -> usize {
    (size / MIN_INNER_SIZE).max(1).ilog2() as usize
}

impl Layers {
    pub(super) fn all(&self) -> impl Iterator<Item = &Layer> {
        self.sequences.iter().flat_map(|sequence| &sequence.layers)
    }

    pub(super) fn all_mut(&mut self) -> impl DoubleEndedIterator<Item = &mut Layer> {
        self.sequences.iter_mut().flat_map(|sequence| &mut sequence.layers)
    }

    fn groups(&self) -> Vec<Group> {
        let mut groups: Vec<Group> = Vec::new();
        for (i, sequence) in self.sequences.iter().enumerate() {
            let mut before = None;
            for &layer in &sequence.layers {
                // A Flatten belongs to the Linear that follows it.
                let begins =
                    layer == Layer::Flatten || multiplies(&layer) && before != Some(Layer::Flatten);
                match groups.last_mut() {
                    Some(group) if !begins => group.layers.push(layer),
                    _ => groups.push(Group { sequence: i, layers: vec![layer] }),
                }
                before = Some(layer);
            }
        }
        groups
    }

    /// Widths of the hidden layers.
    fn hidden(&self) -> Vec<usize> {
        let mut widths: Vec<usize> = self.groups().iter().map(|group| self.width(group)).collect();
        widths.pop();
        widths
    }

    /// The output features or channels of a group.
    fn width(&self, group: &Group) -> usize {
        group
            .layers
            .iter()
            .find_map(|layer| match layer {
                Layer::Linear { outputs, .. } => Some(outputs / self.pixels_after(group.sequence)),
                Layer::Conv2d(convolution) | Layer::ConvTranspose2d { convolution, .. } => {
                    Some(convolution.outputs)
                }
                _ => None,
            })
            .unwrap_or(0)
    }

    /// Pixels of the image as which the next sequence views the output of this one; 1 without a
    /// view.
    fn pixels_after(&self, sequence: usize) -> usize {
        match self.sequences.get(sequence + 1).and_then(|next| next.view) {
            Some(Shape::Image([_, height, width])) => height * width,
            _ => 1,
        }
    }

    /// Replaces the hidden layers by layers of these widths. Each is like the hidden layer at its
    /// position, or like the last one. Returns false if there are no hidden layers.
    pub(super) fn set_hidden(&mut self, widths: &[usize]) -> bool {
        let groups = self.groups();
        let Some((last, hidden)) = groups.split_last() else { return false };
        let Some(last_hidden) = hidden.last() else { return false };
        let pixels: Vec<usize> = (0..self.sequences.len()).map(|i| self.pixels_after(i)).collect();
        self.sequences.iter_mut().for_each(|sequence| sequence.layers.clear());
        for (i, &width) in widths.iter().enumerate() {
            let Group { sequence, layers } = hidden.get(i).unwrap_or(last_hidden);
            let width = |layer: &Layer| match layer {
                Layer::Linear { .. } => width * pixels[*sequence],
                _ => width,
            };
            let layers = layers.iter().map(|&layer| with_outputs(layer, width(&layer)));
            self.sequences[*sequence].layers.extend(layers);
        }
        self.sequences[last.sequence].layers.extend(&last.layers);
        true
    }

    /// Adds a ReLU after the last Linear, if there is none. Returns false if there is no Linear.
    pub(super) fn add_final_relu(&mut self) -> bool {
        let Some(last) = self.sequences.last_mut() else { return false };
        let linear = |layer: &Layer| matches!(layer, Layer::Linear { .. });
        let Some(at) = last.layers.iter().rposition(linear) else { return false };
        if last.layers.get(at + 1) != Some(&Layer::Relu) {
            last.layers.insert(at + 1, Layer::Relu);
        }
        true
    }

    /// Sets the input size of each layer, and the output channels or features of the last one.
    /// `sides` are height and width of the output image.
    fn fit(&mut self, input: Shape, [channels, features]: [usize; 2], sides: [usize; 2]) {
        if let Some(last) = self.all_mut().rfind(|layer| multiplies(layer)) {
            let outputs = if convolution(last).is_some() { channels } else { features };
            *last = with_outputs(*last, outputs);
        }
        (0..self.sequences.len()).for_each(|i| self.fit_view(i, sides));
        let mut shape = input;
        for sequence in &mut self.sequences {
            if let Some(Shape::Image([channels, height, width])) = &mut sequence.view {
                *channels = shape.elements() / (*height * *width);
            }
            shape = sequence.view.unwrap_or(shape);
            for layer in &mut sequence.layers {
                *layer = with_inputs(*layer, shape);
                // `Model::new` reports layers that do not fit.
                let Some(output) = shape.after(*layer) else { return };
                shape = output;
            }
        }
    }

    /// If this sequence views features as an image, sets the height and width from which its layers
    /// reach `sides`, and the output features of the Linear before it.
    fn fit_view(&mut self, sequence: usize, sides: [usize; 2]) {
        let Some(Shape::Image([channels, height, width])) = self.sequences[sequence].view else {
            return;
        };
        let following = || self.sequences[sequence..].iter().flat_map(|sequence| &sequence.layers);
        let first = |side| following().rev().try_fold(side, |side, layer| side_before(layer, side));
        let ([Some(rows), Some(columns)], true) = (sides.map(first), height > 1) else { return };
        self.sequences[sequence].view = Some(Shape::Image([channels, rows, columns]));
        let before = self.sequences[..sequence].iter_mut().flat_map(|before| &mut before.layers);
        if let Some(Layer::Linear { outputs, .. }) = before.rev().find(|layer| multiplies(layer)) {
            *outputs = *outputs / (height * width) * rows * columns;
        }
    }
}

fn multiplies(layer: &Layer) -> bool {
    matches!(layer, Layer::Linear { .. }) || convolution(layer).is_some()
}

fn convolution(layer: &Layer) -> Option<&Convolution> {
    match layer {
        Layer::Conv2d(convolution) | Layer::ConvTranspose2d { convolution, .. } => {
            Some(convolution)
        }
        _ => None,
    }
}

/// The input height (or width) from which a layer makes this output height (or width).
fn side_before(layer: &Layer, side: usize) -> Option<usize> {
    match *layer {
        Layer::ConvTranspose2d { convolution, output_padding } => {
            let Convolution { kernel, stride, padding, .. } = convolution;
            let steps = (side + 2 * padding).checked_sub(kernel + output_padding)?;
            (steps % stride == 0).then_some(steps / stride + 1)
        }
        _ => Some(side),
    }
}

/// The same layer with this number of output features or channels.
fn with_outputs(layer: Layer, outputs: usize) -> Layer {
    match layer {
        Layer::Linear { inputs, .. } => Layer::Linear { inputs, outputs },
        Layer::Conv2d(convolution) => Layer::Conv2d(Convolution { outputs, ..convolution }),
        Layer::ConvTranspose2d { convolution, output_padding } => {
            let convolution = Convolution { outputs, ..convolution };
            Layer::ConvTranspose2d { convolution, output_padding }
        }
        other => other,
    }
}

/// The same layer for this input shape.
fn with_inputs(layer: Layer, shape: Shape) -> Layer {
    let (features, [channels, ..]) = (shape.elements(), shape.image());
    match layer {
        Layer::Linear { outputs, .. } => Layer::Linear { inputs: features, outputs },
        Layer::Conv2d(convolution) => {
            Layer::Conv2d(Convolution { inputs: channels, ..convolution })
        }
        Layer::ConvTranspose2d { convolution, output_padding } => {
            let convolution = Convolution { inputs: channels, ..convolution };
            Layer::ConvTranspose2d { convolution, output_padding }
        }
        Layer::BatchNorm1d(norm) => Layer::BatchNorm1d(BatchNorm { features, ..norm }),
        Layer::BatchNorm2d(norm) => Layer::BatchNorm2d(BatchNorm { features: channels, ..norm }),
        other => other,
    }
}

//! A printed network as sequences of layers.

use super::error::{ImportProblem, ModuleProblem, Result};
use super::printed::{Leaf, Module};
use super::shapes::{self, Wanted};
use crate::data::ImageShape;
use crate::nn::sequence::Embedding;
use crate::nn::{Layer, Sequence, Shape};
use crate::ranges;

/// A network.
pub(super) struct Network {
    pub(super) class: String,
    pub(super) label: Option<Embedding>,
    pub(super) sequences: Vec<Numbered>,
    /// Activations before all layers with parameters, whose place is unknown.
    pub(super) unplaced: Vec<Leaf>,
}

/// A sequence, with the leaf that each of its layers comes from.
pub(super) struct Numbered {
    pub(super) sequence: Sequence,
    pub(super) leaves: Vec<Leaf>,
}

impl Network {
    /// The layers of a printed network.
    pub(super) fn of(module: &Module) -> Result<Self> {
        let mut network = Network {
            class: module.class.clone(),
            label: None,
            sequences: Vec::new(),
            unplaced: Vec::new(),
        };
        for leaf in &module.leaves {
            match leaf.text.split('(').next() {
                Some("Embedding") => network.embed(leaf)?,
                Some("Identity") => {}
                _ => network.push(leaf)?,
            }
        }
        Ok(network)
    }

    fn embed(&mut self, leaf: &Leaf) -> Result<()> {
        let problem = |problem: ModuleProblem| problem.at(leaf.line, &leaf.text);
        let inside = leaf.text.strip_prefix("Embedding(").and_then(|text| text.strip_suffix(')'));
        let extents = inside.and_then(|inside| inside.split_once(", "));
        let (classes, features) = extents.ok_or_else(|| problem(ModuleProblem::Embedding))?;
        let classes = classes.parse().ok().filter(|_| classes == features);
        let classes = classes.filter(|&classes| ranges::CLASSES.contains(classes as u64));
        let classes = classes.ok_or_else(|| problem(ModuleProblem::Embedding))?;
        match self.label.replace(Embedding { key: leaf.path.clone(), classes, first: true }) {
            None => Ok(()),
            Some(_) => Err(problem(ModuleProblem::SecondEmbedding)),
        }
    }

    /// Appends a layer to the sequence that its key belongs to.
    fn push(&mut self, leaf: &Leaf) -> Result<()> {
        let layer: Layer = leaf
            .text
            .parse()
            .map_err(|problem| ModuleProblem::Layer(problem).at(leaf.line, &leaf.path))?;
        if self.sequences.is_empty() && is_activation(layer) {
            self.unplaced.push(leaf.clone());
            return Ok(());
        }
        let name = leaf.path.rfind('.').map_or(0, |dot| dot + 1);
        let (parent, name) = leaf.path.split_at(name);
        let last = self.sequences.last_mut().filter(|last| {
            let Sequence { key_prefix, layers, .. } = &last.sequence;
            match last.sequence.is_named() {
                false => key_prefix == parent && name == layers.len().to_string(),
                true => layer.parameters() == 0,
            }
        });
        match last {
            Some(last) => {
                last.sequence.layers.push(layer);
                last.leaves.push(leaf.clone());
            }
            None => {
                let key_prefix = if name == "0" { parent } else { &leaf.path }.to_owned();
                let sequence = Sequence { key_prefix, view: None, layers: vec![layer] };
                self.sequences.push(Numbered { sequence, leaves: vec![leaf.clone()] });
            }
        }
        Ok(())
    }

    /// All layers, in order.
    pub(super) fn layers(&self) -> impl Iterator<Item = (&Leaf, Layer)> {
        self.sequences.iter().flat_map(|numbered| {
            numbered.leaves.iter().zip(numbered.sequence.layers.iter().copied())
        })
    }

    /// Linear layers and convolutions.
    fn learned(&self) -> impl Iterator<Item = Layer> {
        self.layers().map(|(_, layer)| layer).filter(|&layer| multiplies(layer))
    }

    /// The classes of its label embedding.
    pub(super) fn classes(&self) -> Option<usize> {
        self.label.as_ref().map(|label| label.classes)
    }

    /// Whether it has convolutions.
    pub(super) fn convolves(&self) -> bool {
        self.learned().any(|layer| !matches!(layer, Layer::Linear { .. }))
    }

    /// The features, or channels, that the first layer expects.
    pub(super) fn inputs(&self) -> Result<usize> {
        match self.learned().next().and_then(shapes::wanted) {
            Some(Wanted::Features(inputs) | Wanted::Channels(inputs)) => Ok(inputs),
            None => Err(ImportProblem::Empty { class: self.class.clone() }),
        }
    }

    /// The channels that the first layer expects, if it is a convolution.
    pub(super) fn channels(&self) -> Option<usize> {
        let classes = self.classes().unwrap_or(0);
        match self.learned().next().and_then(shapes::wanted) {
            Some(Wanted::Channels(channels)) => {
                channels.checked_sub(classes).filter(|&channels| channels > 0)
            }
            _ => None,
        }
    }

    /// The input for an image, with the label's embedding: features, or additional channels.
    pub(super) fn input(&self, image: ImageShape) -> Shape {
        let classes = self.classes().unwrap_or(0);
        match self.layers().next() {
            Some((_, Layer::Conv2d(_) | Layer::ConvTranspose2d { .. })) => {
                Shape::Image([image.channels + classes, image.height, image.width])
            }
            Some((_, Layer::Flatten)) => Shape::Image([image.channels, image.height, image.width]),
            _ => Shape::Features(image.pixels() + classes),
        }
    }

    /// Inserts the reshapes that forward() must make between sequences, and returns the shape of the
    /// output.
    pub(super) fn reshape(&mut self, input: Shape) -> Result<Shape> {
        let mut shape = input;
        let mut first = true;
        for Numbered { sequence, leaves } in &mut self.sequences {
            sequence.view = shapes::view(shape, &sequence.layers);
            shape = sequence.view.unwrap_or(shape);
            for (&layer, leaf) in sequence.layers.iter().zip(leaves) {
                shape = shape.after(layer).ok_or_else(|| {
                    let shape = shape.to_string();
                    let problem = match first {
                        true => ModuleProblem::Input { shape },
                        false => ModuleProblem::Shape { shape },
                    };
                    problem.at(leaf.line, &format!("{}: {layer}", leaf.path))
                })?;
                first = false;
            }
        }
        Ok(shape)
    }

    /// Makes a Sigmoid the last layer: behind a Flatten that follows it, or a new one.
    pub(super) fn close(&mut self) {
        let closed = self.ends_with(Layer::Sigmoid);
        let Some(Numbered { sequence, .. }) = self.sequences.last_mut() else { return };
        match sequence.layers.as_mut_slice() {
            [.., sigmoid @ Layer::Sigmoid, flatten @ Layer::Flatten] => {
                std::mem::swap(sigmoid, flatten);
            }
            _ if closed => {}
            _ => sequence.layers.push(Layer::Sigmoid),
        }
    }

    /// Whether this is the last layer that computes anything.
    pub(super) fn ends_with(&self, layer: Layer) -> bool {
        let computes = |layer: &Layer| !matches!(layer, Layer::Flatten | Layer::Unflatten(_));
        self.layers().map(|(_, layer)| layer).filter(computes).last() == Some(layer)
    }
}

/// Generator and discriminator. Unless their last layers say otherwise, the generator comes first.
pub(super) fn in_order([first, second]: [Network; 2]) -> [Network; 2] {
    let takes_images = matches!(first.learned().next(), Some(Layer::Conv2d(_)));
    let judges = matches!(first.learned().last(), Some(Layer::Linear { outputs: 1, .. }));
    match takes_images || judges || second.ends_with(Layer::Tanh) {
        true => [second, first],
        false => [first, second],
    }
}

/// Whether a layer is an activation function.
pub(super) fn is_activation(layer: Layer) -> bool {
    matches!(layer, Layer::LeakyRelu(_) | Layer::Relu | Layer::Tanh | Layer::Sigmoid)
}

/// Whether a layer is a Linear or a convolution.
pub(super) fn multiplies(layer: Layer) -> bool {
    matches!(layer, Layer::Linear { .. } | Layer::Conv2d(_) | Layer::ConvTranspose2d { .. })
}

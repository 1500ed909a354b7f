//! A validated network: its layers, and the stages that a device runs.

use std::collections::HashSet;

use super::layer::Layer;
use super::plan::{self, Planned, Stage};
use super::sequence::{Embedding, Input, Sequence, SpecProblem};
use super::shape::Shape;
use crate::device::Device;

/// Why a key is refused: it is printed, too.
const CONTROL: &str = "has a control character in its name";

/// A network whose layers fit each other.
#[derive(Clone, Debug, PartialEq)]
pub struct NetworkSpec {
    input: Input,
    sequences: Vec<Sequence>,
    stages: Vec<Stage>,
    /// The input shape of each layer.
    inputs: Vec<Shape>,
    output: Shape,
}

impl NetworkSpec {
    /// A network of these layers.
    ///
    /// # Errors
    /// [`SpecProblem`] names the first layer that does not fit, or a key that two layers share.
    pub fn new(input: Input, sequences: Vec<Sequence>) -> Result<Self, SpecProblem> {
        let Planned { stages, inputs, output } = plan::plan(&input, &sequences)?;
        let network = Self { input, sequences, stages, inputs, output };
        network.check_keys()?;
        Ok(network)
    }

    fn check_keys(&self) -> Result<(), SpecProblem> {
        let mut known = HashSet::new();
        for (key, _) in self.layers() {
            if key.contains(char::is_control) {
                return Err(SpecProblem::Key { key, reason: CONTROL });
            }
            if !known.insert(key.clone()) {
                return Err(SpecProblem::Key { key, reason: "is used twice" });
            }
        }
        let label = self.input.label.as_ref().map(|label| label.key.clone());
        let problem = |key: &String| match key {
            key if key.contains(char::is_control) => Some(CONTROL),
            key if key.is_empty() => Some("is empty"),
            key => known.contains(key).then_some("is the key of a layer"),
        };
        match label.and_then(|key| Some((problem(&key)?, key))) {
            Some((reason, key)) => Err(SpecProblem::LabelKey { key, reason }),
            None => Ok(()),
        }
    }

    /// The same network without its final Sigmoid, for a loss that takes logits; the layer stays in the
    /// list. None if the last layer is not a Sigmoid.
    pub fn with_logits(mut self) -> Option<Self> {
        let closed = self.layers().last().is_some_and(|(_, layer)| layer == Layer::Sigmoid);
        closed.then(|| {
            plan::remove_activation(&mut self.stages);
            self
        })
    }

    /// The same network with running statistics that do not change in training mode.
    pub fn with_fixed_statistics(mut self) -> Self {
        for stage in &mut self.stages {
            if let Stage::BatchNorm(stage) = stage {
                stage.momentum = 0.0;
            }
        }
        self
    }

    /// The same network with weights that are normalized by their spectral norm. None if there is a
    /// transposed convolution, of which PyTorch normalizes another matrix.
    pub fn with_spectral_norm(mut self) -> Option<Self> {
        for stage in &mut self.stages {
            match stage {
                Stage::Linear(stage) => stage.spectral_norm = true,
                Stage::Convolution(stage) if stage.transposed => return None,
                Stage::Convolution(stage) => stage.spectral_norm = true,
                Stage::BatchNorm(_) | Stage::Activation(_) | Stage::Transpose(_) => {}
            }
        }
        Some(self)
    }

    /// Whether weights are normalized by their spectral norm.
    pub fn has_spectral_norm(&self) -> bool {
        self.stages.iter().any(|stage| stage.singular_vectors() > 0)
    }

    /// The input.
    pub fn input(&self) -> &Input {
        &self.input
    }

    /// Classes, and features of the label's embedding; 0 without one.
    pub fn classes(&self) -> usize {
        self.input.label.as_ref().map_or(0, |label| label.classes)
    }

    /// The output shape of each row.
    pub fn output(&self) -> Shape {
        self.output
    }

    /// The input shape of each layer, in order.
    pub fn inputs(&self) -> &[Shape] {
        &self.inputs
    }

    /// The layers as written.
    pub fn sequences(&self) -> &[Sequence] {
        &self.sequences
    }

    /// Each layer's index for messages, with the key prefix of its sequence if there are several.
    pub fn layer_indices(&self) -> impl Iterator<Item = String> {
        let several = self.sequences.len() > 1;
        self.sequences.iter().flat_map(move |sequence| {
            (0..sequence.layers.len()).map(move |i| sequence.index(i, several))
        })
    }

    /// All layers in order, with their keys in a `state_dict`.
    pub fn layers(&self) -> impl Iterator<Item = (String, Layer)> {
        self.sequences.iter().flat_map(|sequence| {
            sequence.layers.iter().enumerate().map(|(i, &layer)| (sequence.key(i), layer))
        })
    }

    /// The stages that a device runs, in order.
    pub fn stages(&self) -> &[Stage] {
        &self.stages
    }

    /// Number of learned parameters.
    pub fn parameters(&self) -> usize {
        let table = self.input.label.as_ref().map_or(0, Embedding::parameters);
        table + self.layers().map(|(_, layer)| layer.parameters()).sum::<usize>()
    }

    /// The keys of the batch counters of PyTorch's BatchNorm.
    pub fn counters(&self) -> impl Iterator<Item = String> {
        self.batch_norms().map(|(key, _)| format!("{key}.num_batches_tracked"))
    }

    /// Number of elements of BatchNorm's running statistics and of the singular vectors of spectral
    /// normalization.
    pub fn statistics(&self) -> usize {
        let norms: usize = self.batch_norms().map(|(_, features)| 2 * features).sum();
        norms + self.stages.iter().map(Stage::singular_vectors).sum::<usize>()
    }

    /// The keys of all BatchNorms, and their numbers of features.
    pub fn batch_norms(&self) -> impl Iterator<Item = (&str, usize)> {
        self.stages.iter().filter_map(|stage| match stage {
            Stage::BatchNorm(norm) => Some((norm.key.as_str(), norm.features)),
            _ => None,
        })
    }

    /// Whether it has BatchNorm: in training mode, a row's output depends on the rest of its batch.
    pub fn has_batch_norm(&self) -> bool {
        self.batch_norms().next().is_some()
    }

    /// Whether it has dropout.
    pub fn has_dropout(&self) -> bool {
        self.mask_len() > 0
    }

    /// Elements in the dropout masks of one row.
    pub fn mask_len(&self) -> usize {
        self.stages.iter().map(Stage::mask_len).sum()
    }

    /// The number of pixels at which the label's embedding is repeated: those of an image if the first
    /// stage is a convolution, else 1.
    pub fn input_pixels(&self) -> usize {
        match (self.stages.first(), self.input.shape) {
            (Some(Stage::Convolution(_)), Shape::Image([_, height, width])) => height * width,
            _ => 1,
        }
    }

    /// Elements from one row (or pixel, before a convolution) of the input with the embedding to the
    /// next on a device of kind `D`. Only the concatenation before a Linear is padded; any other input
    /// is read in place.
    pub fn input_stride<D: Device>(&self) -> usize {
        let label = self.classes();
        let columns = self.input.shape.elements() / self.input_pixels() + label;
        match self.stages.first() {
            Some(Stage::Linear(_)) if label > 0 => columns.next_multiple_of(D::ROW_ALIGNMENT),
            _ => columns,
        }
    }

    /// Elements of input and embedding in a row of a batch.
    pub fn input_len<D: Device>(&self) -> usize {
        self.input_pixels() * self.input_stride::<D>()
    }
}

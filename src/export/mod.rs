//! A trained generator for other programs: as ONNX, as safetensors, its images as NumPy arrays.
//!
//! Weights are exported as a checkpoint holds them, on no device. What each file holds beside them
//! is enough to use it without this program.

mod error;
mod onnx;

use std::collections::BTreeMap;
use std::path::Path;

pub use error::{Error, Result};

use crate::data::ImageShape;
use crate::formats::tensor_file::{TensorFile, TensorWriter};
use crate::gan::model::sequential;
use crate::nn::NetworkSpec;
use crate::run::checkpoint::Checkpoint;
use crate::run::config::Config;
use crate::run::snapshot;

/// A checkpoint's generator, in its file.
pub struct Generator<'a> {
    spec: NetworkSpec,
    image: ImageShape,
    /// The `state_dict`.
    file: &'a TensorFile,
    /// What is said of it in other files: what the checkpoint's says, `preset` among it, besides
    /// `iteration`, `latent` and `modules`.
    metadata: BTreeMap<String, String>,
}

impl<'a> Generator<'a> {
    /// The generator of a checkpoint; `config` is the checkpoint's own.
    ///
    /// # Errors
    /// [`CheckpointProblem::OtherNetworks`](crate::run::checkpoint::CheckpointProblem::OtherNetworks) when
    /// they do not fit each other.
    pub fn of(checkpoint: &'a Checkpoint, config: &Config) -> Result<Self> {
        let model = snapshot::model(checkpoint, config)?;
        let words = [
            ("iteration", snapshot::iteration(checkpoint)?.to_string()),
            ("latent", config.gan.latent.to_string()),
            ("modules", sequential(model.generator())),
        ];
        let file = &checkpoint.generator;
        let mut metadata = file.metadata().clone();
        metadata.extend(words.map(|(key, word)| (key.to_owned(), word)));
        metadata.extend(snapshot::class_names(config));
        Ok(Self { spec: model.generator().clone(), image: config.gan.image, file, metadata })
    }

    /// The generator's `state_dict` as the bytes of a safetensors file; `path` is for the error's
    /// message. `train --init-generator` takes it, and so does PyTorch's `load_state_dict`.
    ///
    /// # Errors
    /// As [`TensorWriter::write`].
    pub fn to_safetensors(&self, path: &Path) -> Result<Vec<u8>> {
        let mut file: TensorWriter<'_> = TensorWriter::new();
        file.metadata.clone_from(&self.metadata);
        self.file.tensors().iter().for_each(|tensor| file.copy(self.file, tensor));
        let mut bytes = Vec::new();
        file.write(path, &mut bytes)?;
        Ok(bytes)
    }

    /// The generator as the bytes of an ONNX model of opset 17.
    ///
    /// Inputs are `noise` (batch, latent_dim), f32, and with classes `labels` (batch), i64; the
    /// output is `images` (batch, channels, height, width), f32, from −1 (black) to 1 (white).
    /// The batch is of any size. BatchNorm normalises with its running statistics. Weights bear
    /// their keys of the `state_dict`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; when a tensor is missing, of another
    /// shape, or holds numbers that are not finite.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        onnx::model(self)
    }
}

//! Exports trained networks for other programs: as ONNX, safetensors, PyTorch modules or a web page.
//!
//! Weights are exported from a checkpoint; no device is needed. The metadata of each file suffices
//! to use it without this program.

mod error;
mod html;
mod onnx;
pub mod pytorch;

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

/// The generator of a checkpoint.
pub struct Generator<'a> {
    spec: NetworkSpec,
    image: ImageShape,
    config: &'a Config,
    /// The `state_dict`.
    file: &'a TensorFile,
    /// Metadata of exported files: the checkpoint's metadata, such as `preset`, and `iteration`,
    /// `latent` and `modules`.
    metadata: BTreeMap<String, String>,
}

impl<'a> Generator<'a> {
    /// The generator of a checkpoint; `config` is the configuration in the checkpoint.
    ///
    /// # Errors
    /// [`CheckpointProblem::OtherNetworks`](crate::run::checkpoint::CheckpointProblem::OtherNetworks) when
    /// they do not match.
    pub fn of(checkpoint: &'a Checkpoint, config: &'a Config) -> Result<Self> {
        let model = snapshot::model(checkpoint, config)?;
        let more = [
            ("iteration", snapshot::iteration(checkpoint)?.to_string()),
            ("latent", config.gan.latent.to_string()),
            ("modules", sequential(model.generator())),
        ];
        let file = checkpoint.sampled();
        let mut metadata = file.metadata().clone();
        metadata.extend(more.map(|(key, value)| (key.to_owned(), value)));
        metadata.extend(snapshot::class_names(config));
        Ok(Self {
            spec: model.generator().clone(),
            image: config.gan.image,
            config,
            file,
            metadata,
        })
    }

    /// The generator's `state_dict` as the bytes of a safetensors file; `path` appears in error
    /// messages. `train --init-generator` and PyTorch's `load_state_dict` can read it.
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

    /// The generator as the bytes of an ONNX model with opset 17.
    ///
    /// Inputs are `noise` (batch, latent_dim), f32, and, if the GAN is conditional, `labels`
    /// (batch), i64. The output is `images` (batch, channels, height, width), f32, from −1 (black)
    /// to 1 (white). The batch size is dynamic. BatchNorm uses its running statistics. Weights are
    /// named by their keys in the `state_dict`.
    ///
    /// # Errors
    /// [`Error::TooLarge`]; when a tensor is missing, has another shape, or contains NaN or
    /// infinite numbers.
    pub fn to_onnx(&self) -> Result<Vec<u8>> {
        onnx::model(self)
    }

    /// The generator as a web page, a single HTML file that runs it in the browser and needs no
    /// network.
    ///
    /// Weights are rounded to 16 bits. The images are the same as those of `sample`, within 2 of
    /// 255.
    ///
    /// # Errors
    /// [`Error::PageTooLarge`]; when a tensor is missing, has another shape, or contains NaN or
    /// infinite numbers.
    pub fn to_html(&self) -> Result<String> {
        html::page(self)
    }
}

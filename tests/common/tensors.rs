//! Writes safetensors files for tests.

use std::path::Path;

use gan_cuda::formats::Error;
use gan_cuda::formats::tensor_file::{TensorFile, TensorWriter};

/// The bytes of a file.
pub fn bytes(file: TensorWriter<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    file.write(Path::new("written.safetensors"), &mut bytes).unwrap();
    bytes
}

/// A writer with the metadata and tensors of a file.
pub fn copy<E: From<Error>>(file: &TensorFile) -> TensorWriter<'_, E> {
    let mut copy = TensorWriter::new();
    copy.metadata.clone_from(file.metadata());
    file.tensors().iter().for_each(|tensor| copy.copy(file, tensor));
    copy
}

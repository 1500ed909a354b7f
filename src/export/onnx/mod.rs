//! A generator as an ONNX model.

mod graph;

use std::collections::BTreeMap;

use prost::Message;

use super::Generator;
use crate::export::{Error, Result};
use crate::formats::onnx::{ModelProto, OperatorSetIdProto, StringStringEntryProto};

/// The operator set. All operators used here are the same in the newest set, and runtimes have
/// supported this one since 2022.
const OPSET: i64 = 17;
/// The version of the file format that belongs to the operator set.
const IR_VERSION: i64 = 8;
/// Maximum size of the weights: protocol buffers are limited to 2 GiB, and 1 MiB is for everything
/// else.
const MAX_WEIGHT_BYTES: usize = (1 << 31) - (1 << 20);

/// The model's bytes.
pub(super) fn model(generator: &Generator) -> Result<Vec<u8>> {
    let spec = &generator.spec;
    check_size(size_of::<f32>() * (spec.parameters() + spec.statistics()))?;
    let metadata = &generator.metadata;
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: format!(
            "the generator of the GAN preset {} after {} iterations",
            metadata["preset"], metadata["iteration"]
        ),
        graph: Some(graph::graph(generator)?),
        opset_import: vec![OperatorSetIdProto { version: OPSET }],
        metadata_props: properties(metadata),
    };
    Ok(model.encode_to_vec())
}

/// The metadata of safetensors files without `format`, which is specific to them.
fn properties(metadata: &BTreeMap<String, String>) -> Vec<StringStringEntryProto> {
    let entries = metadata.iter().filter(|(key, _)| *key != "format");
    entries
        .map(|(key, value)| StringStringEntryProto { key: key.clone(), value: value.clone() })
        .collect()
}

fn check_size(bytes: usize) -> Result<()> {
    match bytes <= MAX_WEIGHT_BYTES {
        true => Ok(()),
        false => Err(Error::TooLarge { weights: bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_larger_than_2_gib_are_refused() {
        check_size(MAX_WEIGHT_BYTES).unwrap();
        let error = check_size(3 << 30).unwrap_err().to_string();
        assert!(error.contains("3.00 GiB"), "{error}");
    }
}

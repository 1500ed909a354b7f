//! A generator as an ONNX model.

mod graph;

use std::collections::BTreeMap;

use prost::Message;

use super::Generator;
use crate::export::{Error, Result};
use crate::formats::onnx::{ModelProto, OperatorSetIdProto, StringStringEntryProto};

/// Every operator used is in this set as in the newest, and it has been read since 2022.
const OPSET: i64 = 17;
/// The file format that came with that set.
const IR_VERSION: i64 = 8;
/// Bytes of weights in a message, which may have 2 GiB: a MiB is left for all else.
const MOST_BYTES: usize = (1 << 31) - (1 << 20);

/// The model's bytes.
pub(super) fn model(generator: &Generator) -> Result<Vec<u8>> {
    let spec = &generator.spec;
    check_size(size_of::<f32>() * (spec.parameters() + spec.statistics()))?;
    let words = &generator.metadata;
    let model = ModelProto {
        ir_version: IR_VERSION,
        producer_name: env!("CARGO_PKG_NAME").to_owned(),
        producer_version: env!("CARGO_PKG_VERSION").to_owned(),
        doc_string: format!(
            "the generator of the GAN preset {} after {} iterations",
            words["preset"], words["iteration"]
        ),
        graph: Some(graph::graph(generator)?),
        opset_import: vec![OperatorSetIdProto { version: OPSET }],
        metadata_props: properties(words),
    };
    Ok(model.encode_to_vec())
}

/// What safetensors files say of themselves, but for the format, which is theirs.
fn properties(words: &BTreeMap<String, String>) -> Vec<StringStringEntryProto> {
    let words = words.iter().filter(|(key, _)| *key != "format");
    words
        .map(|(key, word)| StringStringEntryProto { key: key.clone(), value: word.clone() })
        .collect()
}

fn check_size(bytes: usize) -> Result<()> {
    match bytes <= MOST_BYTES {
        true => Ok(()),
        false => Err(Error::TooLarge { weights: bytes }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_beyond_two_gibibytes_are_refused() {
        check_size(MOST_BYTES).unwrap();
        let error = check_size(3 << 30).unwrap_err().to_string();
        assert!(error.contains("3.00 GiB"), "{error}");
    }
}

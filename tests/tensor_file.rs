//! The safetensors files: exact bytes, lookups that explain themselves, no panic on any input.

#[path = "common/recorded.rs"]
mod recorded;

use std::path::Path;

use gan_cuda::Error;
use gan_cuda::train::tensor_file::{TensorData, TensorFile};

const PATH: &str = "g.safetensors";

fn sample() -> TensorFile {
    let mut file = TensorFile::new();
    file.push("b", &[1], vec![1.0_f32]);
    file.push("a", &[2, 1], vec![2.0_f32, 3.0]);
    file.push("steps", &[], vec![9_i64]);
    for key in ["zeta", "alpha", "quote\"d"] {
        file.metadata.insert(key.to_owned(), format!("{key} \n"));
    }
    file
}

fn read(bytes: &[u8]) -> gan_cuda::Result<TensorFile> {
    TensorFile::from_bytes(Path::new(PATH), bytes)
}

#[test]
fn bytes_are_those_of_the_format_with_sorted_metadata() {
    let bytes = sample().to_bytes(Path::new(PATH)).unwrap();
    let header = concat!(
        r#"{"__metadata__":{"alpha":"alpha \n","format":"pt","quote\"d":"quote\"d \n","#,
        r#""zeta":"zeta \n"},"steps":{"dtype":"I64","shape":[],"data_offsets":[0,8]},"#,
        r#""a":{"dtype":"F32","shape":[2,1],"data_offsets":[8,16]},"#,
        r#""b":{"dtype":"F32","shape":[1],"data_offsets":[16,20]}}"#,
    );
    let length = header.len().next_multiple_of(8);
    assert_eq!(bytes[..8], (length as u64).to_le_bytes());
    assert_eq!(std::str::from_utf8(&bytes[8..8 + length]).unwrap().trim_end(), header);
    assert_eq!(bytes[8 + length..8 + length + 8], 9_i64.to_le_bytes());
    assert_eq!(bytes[8 + length + 8..8 + length + 12], 2.0_f32.to_le_bytes());
}

#[test]
fn empty_file_comes_back() {
    let bytes = TensorFile::new().to_bytes(Path::new(PATH)).unwrap();
    let file = read(&bytes).unwrap();
    assert!(file.tensors().is_empty());
    assert_eq!(file.word("format").unwrap(), "pt");
}

#[test]
fn lookups_name_the_file_and_the_key() {
    let file = read(&sample().to_bytes(Path::new(PATH)).unwrap()).unwrap();
    assert_eq!(file.get::<f32>("a", &[2, 1]).unwrap(), [2.0, 3.0]);
    assert_eq!(file.tensors()[0].data, TensorData::I64(vec![9]));
    let message = |error: Error| error.to_string();
    let missing = message(file.get::<f32>("c", &[1]).unwrap_err());
    assert!(missing.starts_with("no tensor c in g.safetensors"), "{missing}");
    let shape = message(file.get::<f32>("a", &[3]).unwrap_err());
    assert!(shape.starts_with("tensor a in g.safetensors has shape [2, 1], not [3]"), "{shape}");
    let kind = message(file.get::<f64>("a", &[2, 1]).unwrap_err());
    assert_eq!(kind, "tensor a in g.safetensors holds F32, not F64");
    let word = message(file.parse::<u64>("alpha").unwrap_err());
    assert_eq!(word, "g.safetensors has no usable alpha in its metadata");
}

#[test]
fn types_that_we_do_not_read_are_named() {
    let header = br#"{"h":{"dtype":"I16","shape":[1],"data_offsets":[0,2]}}"#;
    let bytes = [&(header.len() as u64).to_le_bytes(), &header[..], &[0, 0]].concat();
    let message = read(&bytes).unwrap_err().to_string();
    assert!(message.starts_with("tensor h in g.safetensors holds I16"), "{message}");
}

#[test]
fn recorded_runs_of_pytorch_can_be_read() {
    let file = TensorFile::read(&recorded::folder().join("cgan_f32.safetensors")).unwrap();
    assert_eq!(file.word("preset").unwrap(), "cgan");
    assert!(!file.tensors().is_empty());
}

#[test]
fn header_bombs_are_refused() {
    for length in [u64::MAX, u64::MAX - 7, 100_000_001, 1 << 40] {
        assert!(read(&[&length.to_le_bytes()[..], b"{}"].concat()).is_err());
    }
    for shape in ["[4294967296,4294967296]", "[18446744073709551615,0]", "[-1]", "[1e400]"] {
        let header = format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#);
        let length = (header.len() as u64).to_le_bytes();
        let _ = read(&[&length[..], header.as_bytes()].concat());
    }
    let nested = "[".repeat(100_000);
    assert!(read(&[&100_000_u64.to_le_bytes()[..], nested.as_bytes()].concat()).is_err());
}

//! Reading arbitrary bytes yields a value or an error, never a panic. (The image reader has its own
//! tests in `tests/folder`.)

#[path = "common/idx.rs"]
mod idx_file;
#[allow(dead_code)] // more of it is used by other tests
#[path = "common/tensors.rs"]
mod tensors;

use std::path::Path;

use gan_cuda::data::idx;
use gan_cuda::formats::events::message::Event;
use gan_cuda::formats::events::record::{events, framed};
use gan_cuda::formats::tensor_file::{TensorFile, TensorWriter};
use gan_cuda::run::config::Config;
use idx_file::gzip as gzipped;
use proptest::prelude::*;
use proptest::sample::Index;

/// Bytes of numbers, names and brackets, so that changes affect parsing.
const SYNTAX: &[u8] = b"0123456789-.eE{}[]\",:=_#\ninfa";

/// A file with some bytes changed, possibly truncated.
fn damaged(whole: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), prop::sample::select(SYNTAX)];
    let changes = prop::collection::vec((any::<Index>(), byte), 0..4);
    (changes, prop::option::weighted(0.2, any::<Index>())).prop_map(move |(changes, end)| {
        let mut bytes = whole.clone();
        changes.into_iter().for_each(|(at, byte)| bytes[at.index(whole.len())] = byte);
        bytes.truncate(end.map_or(whole.len(), |end| end.index(whole.len())));
        bytes
    })
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..200)
}

fn images() -> Vec<u8> {
    idx_file::idx(&[2, 3, 4], &[7; 24])
}

fn labels() -> Vec<u8> {
    idx_file::idx(&[3], &[9, 0, 4])
}

fn tensor_file() -> Vec<u8> {
    let mut file = TensorWriter::new();
    file.push("model.0.weight", &[2, 1], [Ok(vec![2.0_f32, 3.0])]);
    file.push("steps", &[], [Ok(vec![9_i64])]);
    file.metadata.insert("quote\"d".to_owned(), "ünïcode\n".to_owned());
    tensors::bytes(file)
}

fn read_idx(bytes: &[u8]) {
    if let Ok(images) = idx::decode_images(bytes) {
        assert_eq!(images.pixels.len(), images.count * images.height * images.width);
    }
    if let Ok(labels) = idx::decode_labels(bytes) {
        assert!(!labels.is_empty());
    }
}

/// A readable file can be written and read again without changes.
fn read_tensors(bytes: &[u8]) {
    let path = Path::new("g.safetensors");
    if let Ok(file) = TensorFile::from_bytes(path, bytes) {
        let written = tensors::bytes(tensors::copy(&file));
        let again = TensorFile::from_bytes(path, &written).unwrap();
        assert_eq!(tensors::bytes(tensors::copy(&again)), written);
    }
}

/// The same for a configuration.
fn read_config(text: &str) {
    let path = Path::new("config.toml");
    if let Ok(config) = Config::from_text(path, text) {
        assert_eq!(Config::from_text(path, &config.to_text().unwrap()).unwrap(), config);
    }
}

/// Two records of an event file.
fn event_records() -> Vec<u8> {
    let [first, second] = [3, 4].map(|step| Event { wall_time: 1.5, step, what: None });
    [framed(&first), framed(&second)].concat()
}

/// Records end within the file, in ascending order.
fn read_events(bytes: &[u8]) {
    let ends: Vec<usize> = events(bytes).map(|(end, _)| end).collect();
    assert!(ends.is_sorted_by(|a, b| a < b) && ends.last().is_none_or(|&end| end <= bytes.len()));
}

/// A `config.toml` with all keys, in the older format without layers.
const OLDER_CONFIG: &str = include_str!("common/config.toml");
/// A preset file.
const CONFIG: &str = include_str!("../presets/cgan.toml");

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(3000)
    })]

    #[test]
    fn idx_reader_never_panics(bytes in prop_oneof![
        any_bytes(),
        damaged(images()),
        damaged(labels()),
        damaged(gzipped(&images())),
        any_bytes().prop_map(|bytes| gzipped(&bytes)),
    ]) {
        read_idx(&bytes);
    }

    #[test]
    fn safetensors_reader_never_panics(bytes in prop_oneof![
        any_bytes(),
        damaged(tensor_file()),
        any_bytes().prop_map(|bytes| {
            [&(bytes.len() as u64).to_le_bytes()[..], b"{", &bytes[..]].concat()
        }),
    ]) {
        read_tensors(&bytes);
    }

    #[test]
    fn event_reader_never_panics(bytes in prop_oneof![
        any_bytes(),
        damaged(event_records()),
        // A length with a valid checksum, but no data.
        any::<u64>().prop_map(|length| {
            let length = length.to_le_bytes();
            let crc = crc32c::crc32c(&length).rotate_right(15).wrapping_add(0xa282_ead8);
            [&length[..], &crc.to_le_bytes(), &[0; 20]].concat()
        }),
    ]) {
        read_events(&bytes);
    }

    #[test]
    fn config_reader_never_panics(bytes in prop_oneof![
        any_bytes(),
        damaged(OLDER_CONFIG.as_bytes().to_vec()),
        damaged(CONFIG.as_bytes().to_vec()),
    ]) {
        read_config(&String::from_utf8_lossy(&bytes));
    }
}

#[test]
fn valid_files_are_read() {
    assert_eq!(idx::decode_images(&images()[..]).unwrap().count, 2);
    assert_eq!(idx::decode_labels(&labels()[..]).unwrap(), [9, 0, 4]);
    assert_eq!(idx::decode_images(&gzipped(&images())[..]).unwrap().count, 2);
    TensorFile::from_bytes(Path::new("g.safetensors"), &tensor_file()).unwrap();
    for text in [CONFIG, OLDER_CONFIG] {
        Config::from_text(Path::new("config.toml"), text).unwrap();
    }
    assert_eq!(events(&event_records()).map(|(_, event)| event.step).collect::<Vec<_>>(), [3, 4]);
}

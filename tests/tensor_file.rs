//! safetensors files: exact bytes, error messages of lookups, no panic on any input.

#[allow(dead_code)] // more of it is used by other tests
#[path = "common/tensors.rs"]
mod tensors;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use gan_cuda::file_error::FileError;
use gan_cuda::formats::tensor_file::{Element, TensorFile, TensorWriter};
use half::{bf16, f16};
use safetensors::tensor::{Dtype, SafeTensors, TensorView};

const PATH: &str = "g.safetensors";

fn sample() -> TensorWriter<'static> {
    let mut file = TensorWriter::new();
    file.push("b", &[1], [Ok(vec![1.0_f32])]);
    file.push("a", &[2, 1], [Ok(vec![2.0_f32]), Ok(vec![]), Ok(vec![3.0])]);
    file.push("steps", &[], [Ok(vec![9_i64])]);
    for key in ["zeta", "alpha", "quote\"d"] {
        file.metadata.insert(key.to_owned(), format!("{key} \n"));
    }
    file
}

/// A file with this header.
fn with_header(header: &str, body: &[u8]) -> Vec<u8> {
    [&(header.len() as u64).to_le_bytes(), header.as_bytes(), body].concat()
}

fn read(bytes: &[u8]) -> gan_cuda::formats::Result<TensorFile> {
    TensorFile::from_bytes(Path::new(PATH), bytes)
}

#[test]
fn bytes_follow_the_format_with_sorted_metadata() {
    let bytes = tensors::bytes(sample());
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
fn empty_file_round_trips() {
    let bytes = tensors::bytes(TensorWriter::new());
    let file = read(&bytes).unwrap();
    assert!(file.tensors().is_empty());
    assert_eq!(file.metadata_value("format").unwrap(), "pt");
}

#[test]
fn lookup_errors_name_the_file_and_the_key() {
    let file = read(&tensors::bytes(sample())).unwrap();
    assert_eq!(file.get::<f32>("a", &[2, 1]).unwrap(), [2.0, 3.0]);
    assert_eq!(file.slice::<f32>("a", &[2, 1], 1..2).unwrap(), [3.0]);
    assert_eq!((&*file.tensors()[0].name, file.tensors()[0].dtype), ("steps", Dtype::I64));
    assert_eq!(file.get::<i64>("steps", &[]).unwrap(), [9]);
    let message = |error: gan_cuda::formats::Error| error.to_string();
    let missing = message(file.get::<f32>("c", &[1]).unwrap_err());
    assert!(missing.starts_with("no tensor c in g.safetensors"), "{missing}");
    let shape = message(file.get::<f32>("a", &[3]).unwrap_err());
    assert!(shape.starts_with("tensor a in g.safetensors has shape [2, 1], not [3]"), "{shape}");
    let kind = message(file.get::<f64>("a", &[2, 1]).unwrap_err());
    assert_eq!(kind, "tensor a in g.safetensors holds F32, not F64");
    let value = message(file.parse_metadata::<u64>("alpha").unwrap_err());
    assert_eq!(value, "g.safetensors has no valid alpha in its metadata");
}

/// Enough numbers for several blocks, the last of which is partial.
fn many<T: Element>(number: impl Fn(u16) -> T) -> Vec<T> {
    (0..50_001).map(|i| number(i as u16)).collect()
}

/// A tensor's name, type and bytes.
type Bytes = (&'static str, Dtype, Vec<u8>);

/// A file with a tensor of every type, and the tensors' bytes in another order.
fn every_type() -> (TensorWriter<'static>, Vec<Bytes>) {
    let (mut file, mut all) = (TensorWriter::new(), Vec::new());
    fn add<T: Element + 'static>(
        (file, all): (&mut TensorWriter<'static>, &mut Vec<Bytes>),
        name: &'static str,
        numbers: Vec<T>,
    ) {
        let mut bytes = Vec::new();
        T::encode(&numbers, &mut bytes);
        all.push((name, T::DTYPE, bytes));
        let pieces: Vec<_> = numbers.chunks(7001).map(|piece| Ok(piece.to_vec())).collect();
        file.push(name, &[numbers.len()], pieces);
    }
    add((&mut file, &mut all), "f16", many(f16::from_bits));
    add((&mut file, &mut all), "bf16", many(bf16::from_bits));
    add((&mut file, &mut all), "f32", many(|i| f32::from_bits(u32::from(i) * 65_537)));
    add((&mut file, &mut all), "f64", many(|i| f64::from(i) / 3.0));
    add((&mut file, &mut all), "u32", many(|i| u32::from(i) << 16));
    add((&mut file, &mut all), "u64", many(|i| u64::from(i) << 40));
    add((&mut file, &mut all), "i64", many(|i| -i64::from(i)));
    (file, all)
}

#[test]
fn files_equal_those_of_the_safetensors_crate() {
    let (file, all) = every_type();
    let bytes = tensors::bytes(file);
    let theirs = SafeTensors::deserialize(&bytes).unwrap();
    assert_eq!(theirs.len(), all.len());
    for (name, dtype, numbers) in &all {
        let tensor = theirs.tensor(name).unwrap();
        assert_eq!((tensor.dtype(), tensor.shape()), (*dtype, &[50_001][..]));
        assert!(tensor.data() == numbers, "{name}");
    }
    // With a single metadata entry the order is unique, so the bytes are the same.
    let views = all.iter().map(|(name, dtype, numbers)| {
        (*name, TensorView::new(*dtype, vec![50_001], numbers).unwrap())
    });
    let metadata = HashMap::from([("format".to_owned(), "pt".to_owned())]);
    assert!(safetensors::serialize(views, Some(metadata)).unwrap() == bytes);
}

#[test]
fn files_on_disk_and_in_memory_are_read_equally() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PATH);
    let bytes = tensors::bytes(every_type().0);
    fs::write(&path, &bytes).unwrap();
    let [disk, memory] = [TensorFile::open(&path).unwrap(), read(&bytes).unwrap()];
    assert!(tensors::bytes(tensors::copy(&disk)) == bytes);
    assert!(tensors::bytes(tensors::copy(&memory)) == bytes);
    let numbers = disk.get::<f64>("f64", &[50_001]).unwrap();
    assert_eq!(disk.slice::<f64>("f64", &[50_001], 8190..40_000).unwrap(), numbers[8190..40_000]);
    assert_eq!(disk.floats("f64", &[50_001], f64::from).unwrap(), numbers);
}

#[test]
fn floats_of_any_type_are_read_and_must_be_finite() {
    let mut file = TensorWriter::new();
    file.push("f16", &[2], [Ok([1.5, -0.1].map(f16::from_f64).to_vec())]);
    file.push("bf16", &[2], [Ok([1.5, -0.1].map(bf16::from_f64).to_vec())]);
    file.push("f32", &[2], [Ok(vec![1.5_f32, f32::NAN])]);
    file.push("f64", &[2], [Ok(vec![1.5_f64, 1e300])]);
    file.push("i64", &[2], [Ok(vec![1_i64, 2])]);
    let file = read(&tensors::bytes(file)).unwrap();
    assert_eq!(
        file.floats("f16", &[2], |x| x as f32).unwrap(),
        [1.5, f16::from_f64(-0.1).to_f32()]
    );
    let brain = [1.5, bf16::from_f64(-0.1).to_f32()];
    assert_eq!(file.floats("bf16", &[2], |x| x as f32).unwrap(), brain);
    assert_eq!(file.floats("f64", &[2], f64::from).unwrap(), [1.5, 1e300]);
    for name in ["f32", "f64"] {
        let error = file.floats(name, &[2], |x| x as f32).unwrap_err().to_string();
        assert!(error.contains(name) && error.contains("not finite"), "{error}");
    }
    let error = file.floats("i64", &[2], |x| x as f32).unwrap_err().to_string();
    assert_eq!(error, "tensor i64 in g.safetensors holds I64, not floating-point numbers");
}

#[test]
fn error_of_a_tensor_stops_writing() {
    let mut file = sample();
    let path = Path::new("elsewhere");
    let failure = FileError::at("copy", path)(std::io::ErrorKind::Other.into()).into();
    file.push("c", &[2], [Ok(vec![1.0_f32]), Err(failure)]);
    let error = file.write(Path::new(PATH), &mut std::io::sink()).unwrap_err().to_string();
    assert_eq!(error, "cannot copy elsewhere");
}

#[test]
#[should_panic(expected = "tensor c of shape [3]")]
fn pieces_that_do_not_fill_the_shape_panic() {
    let mut file = TensorWriter::new();
    file.push("c", &[3], [Ok(vec![1.0_f32]), Ok(vec![2.0])]);
    tensors::bytes(file);
}

#[test]
fn file_truncated_after_opening_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(PATH);
    let bytes = tensors::bytes(sample());
    fs::write(&path, &bytes).unwrap();
    let file = TensorFile::open(&path).unwrap();
    let cut = fs::File::options().write(true).open(&path).unwrap();
    cut.set_len(bytes.len() as u64 - 1).unwrap();
    let error = file.get::<f32>("b", &[1]).unwrap_err().to_string();
    assert!(error.starts_with("cannot read ") && error.contains(PATH), "{error}");
}

#[test]
fn opening_a_folder_is_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let error = TensorFile::open(folder.path()).unwrap_err().to_string();
    assert!(error.starts_with("cannot read "), "{error}");
}

#[test]
fn unsupported_types_are_named() {
    let header = r#"{"h":{"dtype":"I16","shape":[1],"data_offsets":[0,2]}}"#;
    let message = read(&with_header(header, &[0, 0])).unwrap_err().to_string();
    assert!(message.starts_with("tensor h in g.safetensors holds I16"), "{message}");
}

#[test]
fn header_bombs_are_refused() {
    for length in [u64::MAX, u64::MAX - 7, 100_000_001, 1 << 40] {
        let error = read(&[&length.to_le_bytes()[..], b"{}"].concat()).unwrap_err();
        assert!(error.to_string().contains("not a valid safetensors file"), "{error}");
    }
    for shape in ["[4294967296,4294967296]", "[18446744073709551615,0]", "[-1]", "[1e400]"] {
        let header = format!(r#"{{"x":{{"dtype":"F32","shape":{shape},"data_offsets":[0,0]}}}}"#);
        let _ = read(&with_header(&header, &[]));
    }
    assert!(read(&with_header(&"[".repeat(100_000), &[])).is_err());
}

//! Arbitrary bytes as a safetensors file; a readable file can be written and read again without
//! changes.
#![no_main]

use std::path::Path;

use gan_cuda::formats::tensor_file::TensorFile;

#[allow(dead_code)] // more of it is used by tests
#[path = "../../common/tensors.rs"]
mod tensors;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let path = Path::new("fuzzed.safetensors");
    if let Ok(file) = TensorFile::from_bytes(path, bytes) {
        let written = tensors::bytes(tensors::copy(&file));
        let again = TensorFile::from_bytes(path, &written).expect("a file that was written");
        assert_eq!(tensors::bytes(tensors::copy(&again)), written);
    }
});

//! IDX files for tests.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// An IDX file of bytes.
pub fn idx(dims: &[u32], bytes: &[u8]) -> Vec<u8> {
    let header = [0, 0, 8, dims.len() as u8];
    let dims: Vec<u8> = dims.iter().flat_map(|dim| dim.to_be_bytes()).collect();
    [&header, &dims[..], bytes].concat()
}

/// Compresses bytes with gzip.
pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

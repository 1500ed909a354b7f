//! The first 10,000 digits of MNIST's training set, embedded in the program so that it trains
//! without a download. Owns the bytes only; data/mnist/README.md names their origin and licence.

use std::path::Path;

use super::idx::{self, IdxProblem, Images};
use crate::data::{Error, Result};

const IMAGES: &[u8] = include_bytes!("../../data/mnist/train-10k-images-idx3-ubyte.gz");
const LABELS: &[u8] = include_bytes!("../../data/mnist/train-10k-labels-idx1-ubyte.gz");

/// Decodes the embedded images and labels.
///
/// # Errors
/// [`Error::Idx`] if the program itself is damaged.
pub(super) fn decode() -> Result<(Images, Vec<i32>)> {
    decode_pair().map_err(|problem| Error::Idx {
        path: Path::new("the embedded digits").to_owned(),
        problem,
    })
}

fn decode_pair() -> Result<(Images, Vec<i32>), IdxProblem> {
    let images = idx::decode_images(IMAGES)?;
    let labels = idx::decode_labels(LABELS)?;
    idx::check_counts(&images, &labels)?;
    Ok((images, labels))
}

//! Classifiers of folders, kept in the cache folder: a folder's images are learnt once.
//!
//! A file is that of a classifier with its CRC-32 (four bytes, little-endian) behind it.

use std::fs;
use std::path::{Path, PathBuf};

use tracing::debug;

use crate::data::{ImageShape, reshape};
use crate::device::Device;
use crate::device::cpu::Cpu;
use crate::eval::Result;
use crate::eval::classifier::training::{Labelled, Progress, Recipe, train};
use crate::eval::classifier::{About, Classifier, SIDE};
use crate::eval::real::Images;
use crate::formats::files::write_atomic;
use crate::formats::tensor_file::TensorFile;

/// To be raised whenever a classifier would come out otherwise.
const VERSION: u32 = 1;
/// Bytes of a checksum.
const SUM: usize = 4;
/// Batches that a classifier learns from, more or less; of small data sets fewer.
const BATCHES: usize = 3000;
/// Images of a batch.
const BATCH: usize = 128;

/// A classifier of images of so many channels and classes: from the cache folder, if it has one that
/// has learnt from the very same; else it is trained, on so many threads of the CPU, and kept there.
///
/// # Errors
/// When there is not enough memory, or the device fails.
pub fn classifier<D: Device>(
    device: &D,
    shape: ImageShape,
    classes: usize,
    [training, test]: [&Images<'_>; 2],
    (cache, threads): (Option<&Path>, usize),
    progress: Progress<'_>,
) -> Result<Classifier<D>> {
    let to = ImageShape { height: SIDE, width: SIDE, ..shape };
    let pixels = [reshape(&training.pixels, shape, to)?, reshape(&test.pixels, shape, to)?];
    let sets = [(&pixels[0], training), (&pixels[1], test)];
    let sets = sets.map(|(images, set)| Labelled { images, labels: &set.labels });
    let path = cache.map(|cache| place(cache, sets, classes));
    let extents = [shape.channels, classes];
    if let Some(classifier) = path.as_deref().and_then(|path| kept(device, path, extents)) {
        return Ok(classifier);
    }
    let trained = train(&Cpu::<f32>::new(threads), extents, sets, recipe(training), progress)?;
    let mut bytes = Vec::new();
    let at = path.as_deref().unwrap_or(Path::new("the classifier"));
    trained.write(&Cpu::<f32>::new(1), [], at, &mut bytes)?;
    if let Some(path) = &path {
        keep(path, &bytes);
    }
    Classifier::read(device, &TensorFile::from_bytes(at, &bytes)?)
}

fn recipe(training: &Images<'_>) -> Recipe {
    let batches = training.labels.len().div_ceil(BATCH).max(1);
    Recipe { epochs: (BATCHES / batches).clamp(8, 60) as u32, seed: 0 }
}

/// A classifier's file, by what it has learnt from.
fn place(cache: &Path, sets: [Labelled<'_>; 2], classes: usize) -> PathBuf {
    let mut hasher = crc32fast::Hasher::new();
    for Labelled { images, labels } in sets {
        hasher.update(images);
        labels.iter().for_each(|label| hasher.update(&label.to_le_bytes()));
    }
    let (sum, count) = (hasher.finalize(), sets[0].labels.len());
    let name = format!("{VERSION}-{sum:08x}-{count}-{classes}.classifier");
    cache.join("classifiers").join(name)
}

/// What is wrong with a kept file costs time and nothing else.
fn kept<D: Device>(device: &D, path: &Path, extents: [usize; 2]) -> Option<Classifier<D>> {
    let bytes = fs::read(path).ok()?;
    let (bytes, sum) = bytes.split_last_chunk::<SUM>()?;
    let whole = crc32fast::hash(bytes) == u32::from_le_bytes(*sum);
    let file = TensorFile::from_bytes(path, bytes).ok().filter(|_| whole)?;
    let classifier = Classifier::read(device, &file).ok()?;
    let About { channels, classes, .. } = classifier.about();
    debug!(path = %path.display(), "a classifier from the cache");
    ([channels, classes] == extents).then_some(classifier)
}

/// Keeps a file where it can be; it is a convenience.
fn keep(path: &Path, bytes: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let sum = crc32fast::hash(bytes).to_le_bytes();
    let written =
        fs::create_dir_all(folder).is_ok() && write_atomic(path, &[bytes, &sum].concat()).is_ok();
    debug!(path = %path.display(), written, "kept a classifier");
}

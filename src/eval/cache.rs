//! Trained classifiers in the cache folder, so that each folder of images is trained on only once.
//!
//! A cache file is a classifier's file followed by its CRC-32 (four bytes, little-endian).

use std::fs;
use std::path::{Path, PathBuf};

use tracing::debug;

use crate::data::{ImageShape, reshape};
use crate::device::Device;
use crate::device::cpu::Cpu;
use crate::eval::Result;
use crate::eval::classifier::training::{LabelledImages, ProgressCallback, TrainingOptions, train};
use crate::eval::classifier::{Classifier, ClassifierInfo, IMAGE_SIZE};
use crate::eval::real_images::RealImages;
use crate::formats::files::write_atomic;
use crate::formats::tensor_file::TensorFile;

/// Must be incremented when training changes its result.
const VERSION: u32 = 1;
/// Length of a checksum in bytes.
const CHECKSUM_LEN: usize = 4;
/// Approximate number of training batches; fewer for small data sets.
const BATCHES: usize = 3000;
/// Images in a batch.
const BATCH: usize = 128;

/// A classifier of images of this shape and number of classes. Loads it from the cache folder if it
/// was trained on the same images before; otherwise trains it on the CPU, with `threads` threads,
/// and stores it there.
///
/// # Errors
/// When there is not enough memory, or the device fails.
#[inline(never)]
pub fn classifier<D: Device>(
    device: &D,
    shape: ImageShape,
    classes: usize,
    [training, test]: [&RealImages<'_>; 2],
    (cache, threads): (Option<&Path>, usize),
    progress: ProgressCallback<'_>,
) -> Result<Classifier<D>> {
    let to = ImageShape { height: IMAGE_SIZE, width: IMAGE_SIZE, ..shape };
    let pixels = [reshape(&training.pixels, shape, to)?, reshape(&test.pixels, shape, to)?];
    let sets = [(&pixels[0], training), (&pixels[1], test)];
    let sets = sets.map(|(images, set)| LabelledImages { images, labels: &set.labels });
    let path = cache.map(|cache| cache_path(cache, sets, classes));
    let extents = [shape.channels, classes];
    if let Some(classifier) = path.as_deref().and_then(|path| load(device, path, extents)) {
        return Ok(classifier);
    }
    let trained = train(&Cpu::<f32>::new(threads), extents, sets, options(training), progress)?;
    let mut bytes = Vec::new();
    let at = path.as_deref().unwrap_or(Path::new("the classifier"));
    trained.write(&Cpu::<f32>::new(1), [], at, &mut bytes)?;
    if let Some(path) = &path {
        store(path, &bytes);
    }
    Classifier::read(device, &TensorFile::from_bytes(at, &bytes)?)
}

fn options(training: &RealImages<'_>) -> TrainingOptions {
    let batches = training.labels.len().div_ceil(BATCH).max(1);
    TrainingOptions { epochs: (BATCHES / batches).clamp(8, 60) as u32, seed: 0 }
}

/// The path of a classifier's cache file; its name contains a checksum of the images and labels.
fn cache_path(cache: &Path, sets: [LabelledImages<'_>; 2], classes: usize) -> PathBuf {
    let mut hasher = crc32fast::Hasher::new();
    for LabelledImages { images, labels } in sets {
        hasher.update(images);
        labels.iter().for_each(|label| hasher.update(&label.to_le_bytes()));
    }
    let (sum, count) = (hasher.finalize(), sets[0].labels.len());
    let name = format!("{VERSION}-{sum:08x}-{count}-{classes}.classifier");
    cache.join("classifiers").join(name)
}

/// Reads a cached classifier; none if the file is missing or damaged.
fn load<D: Device>(device: &D, path: &Path, extents: [usize; 2]) -> Option<Classifier<D>> {
    let bytes = fs::read(path).ok()?;
    let (bytes, sum) = bytes.split_last_chunk::<CHECKSUM_LEN>()?;
    let intact = crc32fast::hash(bytes) == u32::from_le_bytes(*sum);
    let file = TensorFile::from_bytes(path, bytes).ok().filter(|_| intact)?;
    let classifier = Classifier::read(device, &file).ok()?;
    let ClassifierInfo { channels, classes, .. } = classifier.info();
    debug!(path = %path.display(), "loaded a classifier from the cache");
    ([channels, classes] == extents).then_some(classifier)
}

/// Writes a classifier to the cache. Errors are ignored: it is trained again next time.
fn store(path: &Path, bytes: &[u8]) {
    let Some(folder) = path.parent() else { return };
    let sum = crc32fast::hash(bytes).to_le_bytes();
    let written =
        fs::create_dir_all(folder).is_ok() && write_atomic(path, &[bytes, &sum].concat()).is_ok();
    debug!(path = %path.display(), written, "stored a classifier in the cache");
}

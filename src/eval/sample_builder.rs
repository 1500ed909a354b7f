//! Collects the features of images batch by batch, so that thousands of large images need not be in
//! memory at once.

use crate::device::{Device, Real};
use crate::eval::classifier::Features;
use crate::eval::real_images::Sample;
use crate::eval::{FeatureExtractor, Result};
use crate::picture::grid::byte;
use crate::rng::{Stream, site};

/// Maximum number of images whose pixels are kept for the nearest-neighbour distance.
pub const MAX_KEPT: usize = 2000;

/// Builds a [`Sample`] from batches of images.
pub struct SampleBuilder {
    /// How many images there will be.
    count: usize,
    features: Features,
    /// How many images were added.
    added: usize,
    /// The pixels of some images, evenly spaced.
    kept: Vec<u8>,
}

impl SampleBuilder {
    /// A builder for `count` images.
    pub fn new(count: usize) -> Self {
        Self { count, features: Features::default(), added: 0, kept: Vec::new() }
    }

    /// Adds images of `pixels` bytes each.
    ///
    /// # Errors
    /// When the device fails.
    pub fn add<D: Device>(
        &mut self,
        device: &D,
        extractor: &mut FeatureExtractor<D>,
        images: &[u8],
        pixels: usize,
    ) -> Result<()> {
        let Features { values, classes } = extractor.extract(device, images)?;
        self.features.values.extend(values);
        self.features.classes.extend(classes);
        for image in images.chunks_exact(pixels) {
            if is_kept(self.added, self.count) {
                self.kept.extend_from_slice(image);
            }
            self.added += 1;
        }
        Ok(())
    }

    /// How many images were added so far.
    pub fn added(&self) -> usize {
        self.added
    }

    /// The sample, with the labels that the images were generated for, and the kept pixels.
    pub fn finish(self, labels: Vec<u32>) -> (Sample, Vec<u8>) {
        (Sample { features: self.features, labels }, self.kept)
    }
}

/// Whether the pixels of an image are kept: at most [`MAX_KEPT`] images, evenly spaced.
pub fn is_kept(index: usize, count: usize) -> bool {
    let kept = count.min(MAX_KEPT);
    (index * kept) / count != ((index + 1) * kept) / count
}

/// Generated images as bytes, rounded as in image files.
pub fn bytes<T: Real>(images: &[T]) -> Vec<u8> {
    images.iter().map(|x| byte(x.to_f64() as f32)).collect()
}

/// `count` images of uniform random bytes, from index `first` on.
pub fn noise(first: usize, count: usize, pixels: usize) -> Vec<u8> {
    let stream = Stream { seed: 0, site: site::NOISE_IMAGES };
    let image = |i: usize| {
        let words = (0..pixels.div_ceil(16)).flat_map(move |j| stream.block(j as u32, i as u32));
        words.flat_map(u32::to_le_bytes).take(pixels)
    };
    (first..first + count).flat_map(image).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_images_are_evenly_spaced() {
        for count in [1, 10, MAX_KEPT - 1, MAX_KEPT, MAX_KEPT + 1, 3 * MAX_KEPT, 10_007] {
            let kept: Vec<_> = (0..count).filter(|&i| is_kept(i, count)).collect();
            assert_eq!(kept.len(), count.min(MAX_KEPT), "{count}");
            let gaps: Vec<_> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
            if let (Some(least), Some(most)) = (gaps.iter().min(), gaps.iter().max()) {
                assert!(most - least <= 1, "{count}: {least} to {most}");
            }
        }
    }

    #[test]
    fn noise_does_not_depend_on_batches_and_is_uniform() {
        let whole = noise(0, 30, 50);
        assert_eq!([noise(0, 11, 50), noise(11, 19, 50)].concat(), whole);
        let mean = whole.iter().map(|&byte| f64::from(byte)).sum::<f64>() / whole.len() as f64;
        assert!((mean - 127.5).abs() < 6.0, "{mean}");
    }

    #[test]
    fn generated_values_are_rounded_as_in_image_files() {
        assert_eq!(bytes(&[-1.0_f32, 0.0, 1.0, 2.0, f32::NAN]), [0, 128, 255, 255, 0]);
    }
}

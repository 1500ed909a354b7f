//! Images as they come, seen at once: of large ones there is no room for thousands.

use crate::device::{Device, Real};
use crate::eval::classifier::Seen;
use crate::eval::real::Sample;
use crate::eval::{Eye, Result};
use crate::picture::grid::byte;
use crate::rng::{Stream, site};

/// The most images whose pixels are kept, to look for their nearest neighbours.
pub const KEPT: usize = 2000;

/// Images that are coming, each seen as it comes.
pub struct Gallery {
    /// How many there will be.
    count: usize,
    seen: Seen,
    came: usize,
    /// The pixels of some of them, evenly spaced.
    kept: Vec<u8>,
}

impl Gallery {
    /// A gallery for so many images.
    pub fn new(count: usize) -> Self {
        Self { count, seen: Seen::default(), came: 0, kept: Vec::new() }
    }

    /// Adds images, bytes of so many pixels each.
    ///
    /// # Errors
    /// When the device fails.
    pub fn add<D: Device>(
        &mut self,
        device: &D,
        eye: &mut Eye<D>,
        images: &[u8],
        pixels: usize,
    ) -> Result<()> {
        let Seen { features, classes } = eye.see(device, images)?;
        self.seen.features.extend(features);
        self.seen.classes.extend(classes);
        for image in images.chunks_exact(pixels) {
            if is_kept(self.came, self.count) {
                self.kept.extend_from_slice(image);
            }
            self.came += 1;
        }
        Ok(())
    }

    /// How many came so far.
    pub fn came(&self) -> usize {
        self.came
    }

    /// All of them with the labels that they were asked for, and the pixels that were kept.
    pub fn finish(self, labels: Vec<u32>) -> (Sample, Vec<u8>) {
        (Sample { seen: self.seen, labels }, self.kept)
    }
}

/// Whether an image is one of those that are kept, evenly spaced among all: at most [`KEPT`].
pub fn is_kept(index: usize, count: usize) -> bool {
    let kept = count.min(KEPT);
    (index * kept) / count != ((index + 1) * kept) / count
}

/// A generator's images as bytes, as pictures have them.
pub fn bytes<T: Real>(images: &[T]) -> Vec<u8> {
    images.iter().map(|x| byte(x.to_f64() as f32)).collect()
}

/// Images of noise, each byte as likely as any other: those from `first` on.
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
    fn images_that_are_kept_are_evenly_spaced() {
        for count in [1, 10, KEPT - 1, KEPT, KEPT + 1, 3 * KEPT, 10_007] {
            let kept: Vec<_> = (0..count).filter(|&i| is_kept(i, count)).collect();
            assert_eq!(kept.len(), count.min(KEPT), "{count}");
            let gaps: Vec<_> = kept.windows(2).map(|pair| pair[1] - pair[0]).collect();
            if let (Some(least), Some(most)) = (gaps.iter().min(), gaps.iter().max()) {
                assert!(most - least <= 1, "{count}: {least} to {most}");
            }
        }
    }

    #[test]
    fn noise_is_the_same_in_parts_and_has_all_bytes() {
        let whole = noise(0, 30, 50);
        assert_eq!([noise(0, 11, 50), noise(11, 19, 50)].concat(), whole);
        let mean = whole.iter().map(|&byte| f64::from(byte)).sum::<f64>() / whole.len() as f64;
        assert!((mean - 127.5).abs() < 6.0, "{mean}");
    }

    #[test]
    fn generated_numbers_become_the_bytes_of_pictures() {
        assert_eq!(bytes(&[-1.0_f32, 0.0, 1.0, 2.0, f32::NAN]), [0, 128, 255, 255, 0]);
    }
}

//! Synthetic images for benchmarks and tests, in any shape.
//!
//! Each image is a smooth gradient with one soft blob, whose position depends on the class. Only
//! additions, multiplications and divisions are used, which IEEE 754 rounds identically everywhere,
//! and a portable generator, so the same seed gives the same bytes on every machine.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

use super::{Dataset, ImageShape, Origin};

const CLASSES: usize = 10;
/// Blob positions form a grid of 5 columns and 2 rows, one per class.
const COLUMNS: usize = 5;

impl Dataset {
    /// `count` synthetic images in ten classes. Sets of the same seed share their first images.
    ///
    /// # Panics
    /// If `count` or an extent of `shape` is 0.
    pub fn synthetic(shape: ImageShape, count: usize, seed: u64) -> Dataset {
        assert!(count > 0 && shape.pixels() > 0, "a data set has images, and images have pixels");
        let mut random = Random(ChaCha8Rng::seed_from_u64(seed));
        let mut images = vec![0; count * shape.pixels()];
        let mut labels = Vec::with_capacity(count);
        for image in images.chunks_exact_mut(shape.pixels()) {
            let label = (random.unit() * CLASSES as f32) as usize;
            paint(image, shape, label, &mut random);
            labels.push(label as u32);
        }
        Dataset {
            name: "synthetic".to_owned(),
            images,
            labels,
            classes: CLASSES,
            class_names: Vec::new(),
            shape,
            origin: Origin::Synthetic { seed },
            warnings: Vec::new(),
        }
    }
}

/// Random numbers derived from raw bits, so that the images do not depend on a crate's sampling
/// method.
struct Random(ChaCha8Rng);

impl Random {
    /// Uniform in [0, 1): 24 random bits.
    fn unit(&mut self) -> f32 {
        (self.0.next_u32() >> 8) as f32 / (1 << 24) as f32
    }

    /// Uniform in [from, to).
    fn range(&mut self, from: f32, to: f32) -> f32 {
        from + (to - from) * self.unit()
    }
}

/// A soft disc; lengths are fractions of the image size.
struct Blob {
    x: f32,
    y: f32,
    radius: f32,
}

impl Blob {
    fn for_class(label: usize, random: &mut Random) -> Blob {
        let (column, row) = (label % COLUMNS, label / COLUMNS);
        Blob {
            x: (column as f32 + random.range(0.25, 0.75)) / COLUMNS as f32,
            y: (row as f32 + random.range(0.25, 0.75)) / (CLASSES / COLUMNS) as f32,
            radius: random.range(0.2, 0.4),
        }
    }

    /// 1 at the centre, falling smoothly to 0 at the radius: (1 − r²/R²)².
    fn at(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.x, y - self.y);
        let inside = (1.0 - (dx * dx + dy * dy) / (self.radius * self.radius)).max(0.0);
        inside * inside
    }
}

/// Fills one image; each plane has its own gradient and its own blob brightness.
fn paint(image: &mut [u8], shape: ImageShape, label: usize, random: &mut Random) {
    let blob = Blob::for_class(label, random);
    for plane in image.chunks_exact_mut(shape.height * shape.width) {
        let base = random.range(0.0, 0.4);
        let (slope_x, slope_y) = (random.range(-0.3, 0.3), random.range(-0.3, 0.3));
        let strength = random.range(0.3, 1.0);
        for (row, pixels) in plane.chunks_exact_mut(shape.width).enumerate() {
            let y = centre(row, shape.height);
            for (column, pixel) in pixels.iter_mut().enumerate() {
                let x = centre(column, shape.width);
                let brightness = base + slope_x * x + slope_y * y + strength * blob.at(x, y);
                *pixel = (brightness.clamp(0.0, 1.0) * 255.0 + 0.5) as u8;
            }
        }
    }
}

/// The centre of a pixel as a fraction of the image size.
fn centre(index: usize, extent: usize) -> f32 {
    (index as f32 + 0.5) / extent as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_images() {
        let shape = ImageShape { channels: 3, height: 16, width: 24 };
        let (long, short) = (Dataset::synthetic(shape, 50, 7), Dataset::synthetic(shape, 20, 7));
        assert_eq!(long.images[..short.images.len()], short.images);
        assert_eq!(long.labels[..20], short.labels);
        assert_ne!(Dataset::synthetic(shape, 20, 8).images, short.images);
        assert_eq!((short.len(), short.shape, short.classes), (20, shape, CLASSES));
    }

    #[test]
    fn every_class_occurs() {
        let shape = ImageShape { channels: 1, height: 1, width: 1 };
        let mut labels = Dataset::synthetic(shape, 500, 3).labels;
        labels.sort_unstable();
        labels.dedup();
        assert_eq!(labels, (0..CLASSES as u32).collect::<Vec<_>>());
    }

    #[test]
    fn images_are_smooth_and_use_the_whole_range() {
        let shape = ImageShape { channels: 1, height: 32, width: 32 };
        let images = Dataset::synthetic(shape, 100, 1).images;
        for row in images.chunks_exact(32) {
            assert!(row.windows(2).all(|pair| pair[0].abs_diff(pair[1]) < 60), "{row:?}");
        }
        assert_eq!((images.iter().min(), images.iter().max()), (Some(&0), Some(&255)));
    }

    #[test]
    fn bytes_of_a_seed_never_change() {
        let shape = ImageShape { channels: 1, height: 32, width: 32 };
        assert_eq!(crc32fast::hash(&Dataset::synthetic(shape, 100, 1).images), 2_057_708_666);
    }
}

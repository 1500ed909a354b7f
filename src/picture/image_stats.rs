//! Contrast and colour statistics of images.
//!
//! They show a generator that drifts towards black and white, or towards grey, long before it is
//! visible in sample grids. Compare the statistics of samples with those of the data set.

use crate::data::{Dataset, ImageShape};
use crate::formats::stats::ImageStats;

/// Beyond this absolute value, a pixel counts as black or white.
const EXTREME: f32 = 0.99;
/// Maximum number of values of a data set that are used: representative, and fast.
const MAX_VALUES: usize = 1 << 24;

/// The statistics of `images`: (count, channels, height, width), in [-1, 1].
pub fn of(images: &[f32], shape: ImageShape) -> ImageStats {
    let mut sums = Sums::default();
    images.chunks_exact(shape.pixels()).for_each(|image| sums.add(image, shape));
    sums.stats(shape)
}

/// The statistics of a data set, from evenly spaced images with at most 16.8 million values.
pub fn of_data(data: &Dataset) -> ImageStats {
    let mut sums = Sums::default();
    let count = data.len().min(MAX_VALUES / data.shape.pixels());
    for i in 0..count {
        let bytes = data.image(i * data.len() / count);
        let image: Vec<f32> = bytes.iter().map(|&u| f32::from(u) / 127.5 - 1.0).collect();
        sums.add(&image, data.shape);
    }
    sums.stats(data.shape)
}

/// Sums over values, and over pixels.
#[derive(Default)]
struct Sums {
    values: f64,
    extreme: f64,
    abs: f64,
    sum: f64,
    squares: f64,
    saturation: f64,
}

impl Sums {
    fn add(&mut self, image: &[f32], shape: ImageShape) {
        self.values += image.len() as f64;
        self.extreme += image.iter().filter(|value| value.abs() > EXTREME).count() as f64;
        self.abs += total(image, f64::abs);
        self.sum += total(image, |x| x);
        self.squares += total(image, |x| x * x);
        if let (3, plane) = (shape.channels, shape.height * shape.width) {
            let colour = |i: usize| [image[i], image[plane + i], image[2 * plane + i]];
            self.saturation += (0..plane).map(|i| saturation(colour(i))).sum::<f64>();
        }
    }

    fn stats(&self, shape: ImageShape) -> ImageStats {
        let mean = self.sum / self.values;
        let colour = shape.channels == 3;
        ImageStats {
            mean_abs: (self.abs / self.values) as f32,
            std: (self.squares / self.values - mean * mean).max(0.0).sqrt() as f32,
            extreme: (self.extreme / self.values) as f32,
            saturation: colour.then_some((self.saturation / (self.values / 3.0)) as f32),
        }
    }
}

fn total(image: &[f32], of: impl Fn(f64) -> f64) -> f64 {
    image.iter().map(|&x| of(f64::from(x))).sum()
}

/// The HSV saturation of a colour in [-1, 1].
fn saturation(colour: [f32; 3]) -> f64 {
    let rgb = colour.map(|x| (f64::from(x) + 1.0) / 2.0);
    let max = rgb.into_iter().fold(f64::NEG_INFINITY, f64::max);
    let min = rgb.into_iter().fold(f64::INFINITY, f64::min);
    if max > 0.0 { (max - min) / max } else { 0.0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(channels: usize) -> ImageShape {
        ImageShape { channels, height: 1, width: 2 }
    }

    #[test]
    fn grey_images_have_contrast_and_no_saturation() {
        let stats = of(&[-1.0, 0.5, 0.995, -0.5], shape(1));
        let mean: f64 = -0.005 / 4.0;
        let squares: f64 = (1.0 + 0.25 + 0.995 * 0.995 + 0.25) / 4.0;
        assert_eq!(stats.mean_abs, (2.995_f64 / 4.0) as f32);
        assert!((f64::from(stats.std) - (squares - mean * mean).sqrt()).abs() < 1e-6);
        assert_eq!((stats.extreme, stats.saturation), (0.5, None));
    }

    #[test]
    fn saturation_is_that_of_hsv() {
        // Full red, and grey; then black and half-saturated green.
        let images = [1.0, 0.0, -1.0, 0.0, -1.0, 0.0, -1.0, 0.0, -1.0, 1.0, -1.0, 0.0];
        assert_eq!(of(&images, shape(3)).saturation, Some((1.0 + 0.5) / 4.0));
    }

    #[test]
    fn data_set_and_samples_have_the_same_statistics() {
        let data = Dataset {
            images: vec![0, 255, 51, 204],
            labels: vec![0, 0],
            shape: shape(1),
            ..crate::data::DatasetKind::Mnist.load(&Default::default()).unwrap()
        };
        let images: Vec<f32> = data.images.iter().map(|&u| f32::from(u) / 127.5 - 1.0).collect();
        assert_eq!(of_data(&data), of(&images, shape(1)));
        assert_eq!(of_data(&data).extreme, 0.5);
    }
}

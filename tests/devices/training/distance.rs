//! Distance between samples and data, by statistics.

use gan_cuda::data::Dataset;

/// Distance between samples and data; pixels are in [−1, 1].
#[derive(Debug)]
pub struct Distance {
    /// Mean difference between the pixel-wise means.
    pub mean: f64,
    /// Mean difference between the pixel-wise standard deviations.
    pub std: f64,
    /// Root mean square difference of two samples' pixels, on average over 500 pairs.
    pub pair: f64,
}

/// Pixel-wise means and standard deviations.
fn moments(images: &[f32], pixels: usize) -> [Vec<f64>; 2] {
    let count = (images.len() / pixels) as f64;
    let column = |i: usize| images[i..].iter().step_by(pixels).map(|&x| f64::from(x));
    let mean: Vec<_> = (0..pixels).map(|i| column(i).sum::<f64>() / count).collect();
    let variance = |i: usize| column(i).map(|x| (x - mean[i]).powi(2)).sum::<f64>() / count;
    let std = (0..pixels).map(|i| variance(i).sqrt()).collect();
    [mean, std]
}

/// The mean difference of two images' pixels.
pub fn mean_difference(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).sum::<f64>() / a.len() as f64
}

/// The mean distance of the first half's images from the second half's.
fn pair_distance(images: &[f32], pixels: usize) -> f64 {
    let (first, second) = images.split_at(images.len() / 2);
    let distance = |(a, b): (&[f32], &[f32])| {
        let squares = a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2));
        (squares.sum::<f64>() / pixels as f64).sqrt()
    };
    let pairs = first.chunks(pixels).zip(second.chunks(pixels));
    pairs.map(distance).sum::<f64>() / (first.len() / pixels) as f64
}

impl Distance {
    pub fn between(samples: &[f32], data: &Dataset) -> Self {
        let pixels = data.shape.pixels();
        let [mean, std] = moments(samples, pixels);
        let [real_mean, real_std] = moments(&pixels_of(data), pixels);
        Self {
            mean: mean_difference(&mean, &real_mean),
            std: mean_difference(&std, &real_std),
            pair: pair_distance(samples, pixels),
        }
    }

    /// Whether each of the three is within `bounds`.
    pub fn within(&self, bounds: &Distance) -> [bool; 3] {
        [self.mean <= bounds.mean, self.std <= bounds.std, self.pair >= bounds.pair]
    }
}

/// The mean image of each class.
pub fn class_means(images: &[f32], labels: &[u32], pixels: usize) -> Vec<Vec<f64>> {
    let of_class = |class: u32| {
        let own = images.chunks(pixels).zip(labels).filter(move |&(_, &label)| label == class);
        moments(&own.flat_map(|(image, _)| image).copied().collect::<Vec<_>>(), pixels)
    };
    (0..10).map(|class| of_class(class)[0].clone()).collect()
}

/// A data set's pixels, scaled to [−1, 1].
pub fn pixels_of(data: &Dataset) -> Vec<f32> {
    data.images.iter().map(|&u| f32::from(u) / 127.5 - 1.0).collect()
}

//! Synthetic features: ten equally likely classes, each a cluster around its own centre.

use gan_cuda::eval::measures::Points;
use gan_cuda::rng::{Stream, below, unit};

pub const CLASSES: usize = 10;
pub const DIMENSIONS: usize = 20;

/// Features of images, and their classes.
#[derive(Clone)]
pub struct Sample {
    pub features: Vec<f32>,
    pub classes: Vec<u32>,
}

impl Sample {
    pub fn new(count: usize, seed: u64) -> Self {
        let deviations = Stream { seed, site: 1 };
        let class = |i| below(Stream { seed, site: 2 }.block(i, 0)[0], CLASSES) as u32;
        let classes: Vec<u32> = (0..count as u32).map(class).collect();
        let feature = |i: usize, class: u32, dimension: usize| {
            let deviation = normal(deviations.block(i as u32, dimension as u32));
            (centre(class, dimension) + 0.5 * deviation).max(0.0)
        };
        let row = |(i, &class): (usize, &u32)| (0..DIMENSIONS).map(move |d| feature(i, class, d));
        let features = classes.iter().enumerate().flat_map(row).collect();
        Self { features, classes }
    }

    pub fn points(&self) -> Points<'_> {
        Points::new(&self.features, DIMENSIONS)
    }

    /// The features as bytes, used as pixels.
    pub fn bytes(&self) -> Vec<u8> {
        self.features.iter().map(|x| (x * 50.0) as u8).collect()
    }

    /// The sample with changed features; `change` is given the index and the value of each.
    pub fn changed(&self, change: impl Fn(usize, f32) -> f32) -> Self {
        let all = self.features.iter().enumerate();
        let features = all.map(|(i, &x)| change(i, x)).collect();
        Self { features, classes: self.classes.clone() }
    }

    /// The sample whose image `i` is a copy of image `source(i)`.
    pub fn resampled(&self, source: impl Fn(usize) -> usize) -> Self {
        let sources = || (0..self.classes.len()).map(&source);
        Self {
            features: sources().flat_map(|i| self.points().row(i)).copied().collect(),
            classes: sources().map(|i| self.classes[i]).collect(),
        }
    }
}

/// The centre of a class: like in a classifier's last hidden layer, some features are active.
fn centre(class: u32, dimension: usize) -> f32 {
    let word = Stream { seed: 0, site: 0 }.block(class, dimension as u32)[0];
    if unit(word) < 0.4 { 3.0 } else { 0.0 }
}

/// An approximately standard normal number.
pub fn normal(words: [u32; 4]) -> f32 {
    3.0_f32.sqrt() * (words.map(unit).iter().sum::<f32>() - 2.0)
}

//! Made-up features: ten classes, drawn alike, each a cloud around a place of its own.

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
        let cloud = Stream { seed, site: 1 };
        let draw = |i| below(Stream { seed, site: 2 }.block(i, 0)[0], CLASSES) as u32;
        let classes: Vec<u32> = (0..count as u32).map(draw).collect();
        let feature = |i: usize, class: u32, dimension: usize| {
            let spread = normal(cloud.block(i as u32, dimension as u32));
            (place(class, dimension) + 0.5 * spread).max(0.0)
        };
        let row = |(i, &class): (usize, &u32)| (0..DIMENSIONS).map(move |d| feature(i, class, d));
        let features = classes.iter().enumerate().flat_map(row).collect();
        Self { features, classes }
    }

    pub fn points(&self) -> Points<'_> {
        Points::new(&self.features, DIMENSIONS)
    }

    /// Features as bytes, as if they were pixels.
    pub fn bytes(&self) -> Vec<u8> {
        self.features.iter().map(|x| (x * 50.0) as u8).collect()
    }

    /// With the features changed, each given with its number among all.
    pub fn changed(&self, change: impl Fn(usize, f32) -> f32) -> Self {
        let all = self.features.iter().enumerate();
        let features = all.map(|(i, &x)| change(i, x)).collect();
        Self { features, classes: self.classes.clone() }
    }

    /// With other of its images in the place of some: `source` says which.
    pub fn rearranged(&self, source: impl Fn(usize) -> usize) -> Self {
        let sources = || (0..self.classes.len()).map(&source);
        Self {
            features: sources().flat_map(|i| self.points().row(i)).copied().collect(),
            classes: sources().map(|i| self.classes[i]).collect(),
        }
    }
}

/// Where a class is: a few features are its own, as of a classifier's last layer.
fn place(class: u32, dimension: usize) -> f32 {
    let word = Stream { seed: 0, site: 0 }.block(class, dimension as u32)[0];
    if unit(word) < 0.4 { 3.0 } else { 0.0 }
}

/// About a standard normal number.
pub fn normal(words: [u32; 4]) -> f32 {
    3.0_f32.sqrt() * (words.map(unit).iter().sum::<f32>() - 2.0)
}

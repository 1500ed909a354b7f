//! Random numbers for the points at which gradients are checked.

use gan_cuda::rng;
use rand_chacha::ChaCha12Rng;
use rand_distr::{Distribution, StandardNormal, StandardUniform};

/// A seeded source of numbers.
pub struct Numbers(ChaCha12Rng);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(rng::host(seed, 0))
    }

    /// Uniform in centre ± reach.
    pub fn around(&mut self, centre: f64, reach: f64, len: usize) -> Vec<f64> {
        let unit = StandardUniform.sample_iter(&mut self.0);
        unit.take(len).map(|u: f64| centre + reach * (2.0 * u - 1.0)).collect()
    }

    /// Standard normal.
    pub fn normal(&mut self, len: usize) -> Vec<f64> {
        StandardNormal.sample_iter(&mut self.0).take(len).collect()
    }

    /// Random classes; the last one never occurs if there are more than two, as in a real batch.
    pub fn labels(&mut self, classes: usize, len: usize) -> Vec<u32> {
        let present = if classes > 2 { classes - 1 } else { classes };
        let unit = self.around(0.5, 0.5, len);
        unit.into_iter().map(|u| (u * present as f64) as u32).collect()
    }

    /// A dropout mask: 0 with probability p, else 1/(1 − p).
    pub fn mask(&mut self, p: f64, len: usize) -> Vec<f64> {
        let unit = self.around(0.5, 0.5, len);
        unit.into_iter().map(|u| if u < p { 0.0 } else { 1.0 / (1.0 - p) }).collect()
    }
}

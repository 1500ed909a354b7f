//! All measures of a sample at once.

use gan_cuda::eval::measures::frechet::{self, Gaussian};
use gan_cuda::eval::measures::histogram::Histogram;
use gan_cuda::eval::measures::{Points, bins::Bins, kernel, nearest, neighbors};
use gan_cuda::rng::Stream;

use crate::clusters::{CLASSES, DIMENSIONS, Sample};

#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scores {
    pub fcd: f64,
    pub kid: f64,
    pub kid_error: f64,
    pub precision: f64,
    pub recall: f64,
    pub density: f64,
    pub coverage: f64,
    pub histogram_kl: f64,
    pub rarest_share: f64,
    pub ndb: f64,
    pub nearest: f64,
    pub nearest_other: f64,
}

/// The scores of a sample compared with a reference, whose images also serve as training images.
pub fn scores(sample: &Sample, reference: &Sample, threads: usize) -> Scores {
    let (points, others) = (sample.points(), reference.points());
    let kernel_means = kernel::SelfKernelMeans::of(others, threads);
    let kernel = kernel::distance(points, (others, &kernel_means), threads);
    let found = neighbors::Reference::new(others, threads).compare(points, threads);
    let bins = Bins::of(others, Stream { seed: 5, site: 9 }, threads);
    let histogram = Histogram::of(&sample.classes, CLASSES);
    let (images, training) = (sample.bytes(), reference.bytes());
    let [images, training] = [&images, &training].map(|bytes| Points::new(bytes, DIMENSIONS));
    let indices: Vec<usize> = (0..training.len()).step_by(3).collect();
    Scores {
        fcd: frechet::distance(&Gaussian::of(others), &Gaussian::of(points)),
        kid: kernel.kid,
        kid_error: kernel.error,
        precision: found.precision,
        recall: found.recall,
        density: found.density,
        coverage: found.coverage,
        histogram_kl: histogram.divergence(&Histogram::of(&reference.classes, CLASSES)),
        rarest_share: histogram.rarest().fraction,
        ndb: bins.fraction_different(points, threads),
        nearest: nearest::mean_distance(images, training, threads),
        nearest_other: nearest::mean_to_nearest_other(training, &indices, threads),
    }
}

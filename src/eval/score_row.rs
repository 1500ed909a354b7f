//! All scores of a set of images: a row of the table that `gan-cuda evaluate` prints.

use serde::Serialize;

use crate::device::Device;
use crate::eval::FeatureExtractor;
use crate::eval::measures::bins::Bins;
use crate::eval::measures::frechet::{self, Gaussian};
use crate::eval::measures::histogram::{Histogram, Modes, Rarest};
use crate::eval::measures::{Points, kernel, neighbors, proportion};
use crate::eval::real_images::Sample;
use crate::rng::{Stream, site};

/// The scores of a set of images. Scores that cannot be computed are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct ScoreRow {
    /// The fraction of images that are classified as the class that they were generated for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_fidelity: Option<f64>,
    /// The lower end of its 95 % confidence interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_fidelity_low: Option<f64>,
    /// The upper end of its 95 % confidence interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_fidelity_high: Option<f64>,
    /// The Fréchet distance of the classifier's features (FCD), at least 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fcd: Option<f64>,
    /// The kernel distance (KID); of pixels without a classifier.
    pub kid: f64,
    /// Its standard error.
    pub kid_error: f64,
    /// The fraction of the images inside a neighbourhood of the reference.
    pub precision: f64,
    /// The fraction of the reference inside a neighbourhood of the images.
    pub recall: f64,
    /// The mean number of neighbourhoods of the reference that contain an image, divided by k.
    pub density: f64,
    /// The fraction of the neighbourhoods of the reference that contain an image.
    pub coverage: f64,
    /// The number of modes found among the images: classes that occur; for stacked digits only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes: Option<usize>,
    /// The Kullback–Leibler divergence of the modes from a uniform distribution, in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub modes_kl: Option<f64>,
    /// The Kullback–Leibler divergence of the class histogram from the reference's, in nats; not
    /// for stacked digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram_kl: Option<f64>,
    /// The rarest class among the images; not for stacked digits.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rarest_class: Option<u32>,
    /// The fraction of the images in the rarest class.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rarest_share: Option<f64>,
    /// The fraction of bins that differ significantly from the reference; none for a small
    /// reference, which has a single bin.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndb: Option<f64>,
    /// The mean distance to the nearest training image, divided by that of held-out images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_neighbour_ratio: Option<f64>,
}

/// Everything about the reference that is computed once and used for all samples.
pub struct ReferenceStatistics<'a> {
    reference: &'a Sample,
    /// The number of classes, if there is a classifier.
    classes: Option<usize>,
    /// The number of modes, if the images are stacked digits.
    modes: Option<usize>,
    dimensions: usize,
    threads: usize,
    gaussian: Option<Gaussian>,
    kernel_means: kernel::SelfKernelMeans,
    neighbors: neighbors::Reference<'a>,
    bins: Bins,
}

impl<'a> ReferenceStatistics<'a> {
    /// The statistics of a reference, whose features are from `extractor`.
    pub fn new<D: Device>(
        reference: &'a Sample,
        extractor: &FeatureExtractor<D>,
        threads: usize,
    ) -> Self {
        let (classes, dimensions) = (extractor.classes(), extractor.dimensions());
        let points = Points::new(&reference.features.values, dimensions);
        Self {
            reference,
            classes,
            modes: extractor.modes(),
            dimensions,
            threads,
            gaussian: classes.map(|_| Gaussian::of(points)),
            kernel_means: kernel::SelfKernelMeans::of(points, threads),
            neighbors: neighbors::Reference::new(points, threads),
            bins: Bins::of(points, Stream { seed: 0, site: site::BINS }, threads),
        }
    }

    /// Scores images. `classes` are the classes that they were generated for, if the generator is
    /// conditional; the labels of the sample have the class of each image.
    pub fn score(&self, sample: &Sample, classes: &[u32]) -> ScoreRow {
        let points = Points::new(&sample.features.values, self.dimensions);
        let reference = Points::new(&self.reference.features.values, self.dimensions);
        let kernel = kernel::distance(points, (reference, &self.kernel_means), self.threads);
        let neighbors = self.neighbors.compare(points, self.threads);
        let mut row = ScoreRow {
            kid: kernel.kid,
            kid_error: kernel.error,
            precision: neighbors.precision,
            recall: neighbors.recall,
            density: neighbors.density,
            coverage: neighbors.coverage,
            ndb: (self.bins.len() > 1).then(|| self.bins.fraction_different(points, self.threads)),
            ..ScoreRow::default()
        };
        if let (Some(count), Some(gaussian)) = (self.classes, &self.gaussian) {
            row.fcd = Some(frechet::distance(&Gaussian::of(points), gaussian));
            match self.modes {
                Some(modes) => count_modes(&mut row, sample, modes),
                None => self.count_classes(&mut row, sample, count, classes),
            }
            if !classes.is_empty() {
                set_fidelity(&mut row, sample);
            }
        }
        row
    }

    fn count_classes(&self, row: &mut ScoreRow, sample: &Sample, count: usize, classes: &[u32]) {
        let [own, reference] =
            [sample, self.reference].map(|of| Histogram::of(&of.features.classes, count));
        row.histogram_kl = Some(own.divergence(&reference));
        let Rarest { class, fraction } = match classes {
            [] => own.rarest(),
            classes => own.rarest_of(classes),
        };
        (row.rarest_class, row.rarest_share) = (Some(class as u32), Some(fraction));
    }
}

/// Counts the modes. The reference's histogram would be no use: it has only ten images of each.
fn count_modes(row: &mut ScoreRow, sample: &Sample, modes: usize) {
    let Modes { found, kl } = Modes::of(&sample.features.classes, modes);
    (row.modes, row.modes_kl) = (Some(found), Some(kl));
}

/// Sets the class fidelity and its confidence interval.
pub fn set_fidelity(row: &mut ScoreRow, sample: &Sample) {
    let correct = correctly_classified(sample);
    let [low, high] = proportion::wilson(correct, sample.len());
    row.class_fidelity = Some(correct as f64 / sample.len() as f64);
    (row.class_fidelity_low, row.class_fidelity_high) = (Some(low), Some(high));
}

/// The number of images that are classified as the class of their label.
pub fn correctly_classified(sample: &Sample) -> usize {
    let pairs = sample.features.classes.iter().zip(&sample.labels);
    pairs.filter(|(predicted, label)| predicted == label).count()
}

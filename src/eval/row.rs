//! One row of the table: everything that is measured of some images.

use serde::Serialize;

use crate::eval::measures::bins::Bins;
use crate::eval::measures::frechet::{self, Gaussian};
use crate::eval::measures::histogram::{Histogram, Rarest};
use crate::eval::measures::{Points, kernel, neighbors, proportion};
use crate::eval::real::Sample;
use crate::rng::{Stream, site};

/// What is measured of some images; what cannot be measured is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Row {
    /// The share of images that are taken for the class that they should be of, 0 to 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_fidelity: Option<f64>,
    /// The lower end of its 95 % interval.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_fidelity_low: Option<f64>,
    /// The upper end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class_fidelity_high: Option<f64>,
    /// The Fréchet distance of a classifier's features, from 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fcd: Option<f64>,
    /// The kernel distance; without a classifier that of pixels.
    pub kid: f64,
    /// Its standard error.
    pub kid_error: f64,
    /// The share of images that lie where the reference's do.
    pub precision: f64,
    /// The share of the reference's images that lie where these do.
    pub recall: f64,
    /// In how many neighbourhoods of the reference an image lies, divided by k.
    pub density: f64,
    /// The share of the reference's neighbourhoods with an image in them.
    pub coverage: f64,
    /// The divergence of the histogram of classes from the reference's, in nats.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub histogram_kl: Option<f64>,
    /// The class that is rarest among the images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rarest_class: Option<u32>,
    /// Its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rarest_share: Option<f64>,
    /// The share of bins that are significantly too full or too empty; of a small reference there is
    /// one bin, which says nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ndb: Option<f64>,
    /// Mean distance to the nearest training image, divided by that of held-out images.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nearest_neighbour_ratio: Option<f64>,
}

/// What images are measured by: the reference's images.
pub struct Yardstick<'a> {
    reference: &'a Sample,
    /// Where there is a classifier, of how many classes.
    classes: Option<usize>,
    dimensions: usize,
    threads: usize,
    gaussian: Option<Gaussian>,
    among: kernel::Among,
    neighbors: neighbors::Reference<'a>,
    bins: Bins,
}

impl<'a> Yardstick<'a> {
    /// What can be computed of the reference alone. `classes` are the classifier's, where there is
    /// one; points have so many dimensions.
    pub fn new(
        reference: &'a Sample,
        classes: Option<usize>,
        dimensions: usize,
        threads: usize,
    ) -> Self {
        let points = Points::new(&reference.seen.features, dimensions);
        Self {
            reference,
            classes,
            dimensions,
            threads,
            gaussian: classes.map(|_| Gaussian::of(points)),
            among: kernel::Among::of(points, threads),
            neighbors: neighbors::Reference::new(points, threads),
            bins: Bins::of(points, Stream { seed: 0, site: site::BINS }, threads),
        }
    }

    /// Measures images. Where they were asked to be of some classes, their labels say which.
    pub fn measure(&self, sample: &Sample, asked: &[u32]) -> Row {
        let points = Points::new(&sample.seen.features, self.dimensions);
        let reference = Points::new(&self.reference.seen.features, self.dimensions);
        let kernel = kernel::distance(points, (reference, &self.among), self.threads);
        let neighbors = self.neighbors.compare(points, self.threads);
        let mut row = Row {
            kid: kernel.kid,
            kid_error: kernel.error,
            precision: neighbors.precision,
            recall: neighbors.recall,
            density: neighbors.density,
            coverage: neighbors.coverage,
            ndb: (self.bins.len() > 1).then(|| self.bins.different(points, self.threads)),
            ..Row::default()
        };
        if let (Some(classes), Some(gaussian)) = (self.classes, &self.gaussian) {
            row.fcd = Some(frechet::distance(&Gaussian::of(points), gaussian));
            self.count_classes(&mut row, sample, classes, asked);
            if !asked.is_empty() {
                set_fidelity(&mut row, sample);
            }
        }
        row
    }

    fn count_classes(&self, row: &mut Row, sample: &Sample, classes: usize, asked: &[u32]) {
        let [own, reference] =
            [sample, self.reference].map(|of| Histogram::of(&of.seen.classes, classes));
        row.histogram_kl = Some(own.divergence(&reference));
        let Rarest { class, share } = match asked {
            [] => own.rarest(),
            asked => own.rarest_of(asked),
        };
        (row.rarest_class, row.rarest_share) = (Some(class as u32), Some(share));
    }
}

/// The share of images that are taken for the class that they should be of.
pub fn set_fidelity(row: &mut Row, sample: &Sample) {
    let right = right(sample);
    let [low, high] = proportion::wilson(right, sample.len());
    row.class_fidelity = Some(right as f64 / sample.len() as f64);
    (row.class_fidelity_low, row.class_fidelity_high) = (Some(low), Some(high));
}

/// How many images are taken for the class of their label.
pub fn right(sample: &Sample) -> usize {
    sample.seen.classes.iter().zip(&sample.labels).filter(|(seen, label)| seen == label).count()
}

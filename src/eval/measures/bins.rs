//! Number of statistically different bins (NDB), as a fraction: modes that are under- or
//! overrepresented in a sample.
//!
//! K-means divides the reference into bins. A bin is different if the proportion p of the sample
//! and the proportion q of the reference in it differ significantly, by a two-proportion z-test at
//! 5 %:
//!
//! |p − q| / √(r (1 − r) (1/m + 1/n)) > 1.96, with the pooled proportion r
//!
//! The result is the fraction of bins that are different, 0 … 1; lower is better. For real images
//! it is about 0.05 by chance, and slightly more because the bins are fitted to the reference.
//!
//! There are 100 bins, or fewer for a small reference: at most one for every 20 points, since the
//! test is not meaningful for fewer, and not more than there are distinct points.
//!
//! Source: [Richardson & Weiss 2018](https://arxiv.org/abs/1805.12462).

use super::pair_filter::PairFilter;
use super::pairs;
use super::proportion::Z;
use super::{Coordinate, Points};
use crate::rng::{self, Stream};

const MAX_BINS: usize = 100;
/// Minimum number of reference points per bin.
const POINTS_PER_BIN: usize = 20;
const MAX_ITERATIONS: usize = 50;

/// A reference divided into bins.
#[derive(Clone, Debug, PartialEq)]
pub struct Bins {
    dimensions: usize,
    /// The centre of each bin: (bins, dimensions).
    centres: Vec<f32>,
    /// Number of reference points in each bin.
    counts: Vec<usize>,
}

impl Bins {
    /// Finds bins by k-means: k-means++ initialization with random numbers from `stream`, then at
    /// most 50 iterations of Lloyd's algorithm, until no point changes its bin. A bin that loses
    /// all its points keeps its centre.
    ///
    /// # Panics
    /// When there are no points.
    pub fn of(reference: Points<'_>, stream: Stream, threads: usize) -> Self {
        assert!(!reference.is_empty(), "no points to put into bins");
        let max = (reference.len() / POINTS_PER_BIN).clamp(1, MAX_BINS);
        let mut centres = initial_centres(reference, max, stream);
        let mut bins = Vec::new();
        for _ in 0..MAX_ITERATIONS {
            let before = bins;
            bins = nearest(reference, Points::new(&centres, reference.dimensions()), threads);
            if bins == before {
                break;
            }
            move_to_means(&mut centres, reference, &bins);
        }
        let mut all = Self { dimensions: reference.dimensions(), centres, counts: Vec::new() };
        all.counts = all.count(reference, threads);
        all
    }

    /// The number of bins.
    pub fn len(&self) -> usize {
        self.centres().len()
    }

    /// Whether there are no bins, which never happens.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The fraction of bins in which sample and reference differ significantly.
    ///
    /// # Panics
    /// When the sample has no points, or points of other dimensions.
    pub fn fraction_different(&self, sample: Points<'_>, threads: usize) -> f64 {
        assert!(!sample.is_empty(), "no points to put into bins");
        let counts = self.count(sample, threads);
        let reference: usize = self.counts.iter().sum();
        let pairs = counts.iter().zip(&self.counts);
        let different = pairs.filter(|&(&ours, &theirs)| {
            differ_significantly([ours, theirs].map(|n| n as f64), [sample.len(), reference])
        });
        different.count() as f64 / self.len() as f64
    }

    fn centres(&self) -> Points<'_> {
        Points::new(&self.centres, self.dimensions)
    }

    fn count(&self, points: Points<'_>, threads: usize) -> Vec<usize> {
        let mut counts = vec![0; self.len()];
        nearest(points, self.centres(), threads).iter().for_each(|&bin| counts[bin] += 1);
        counts
    }
}

/// The two-proportion z-test. Proportions that are both 0, or both 1, do not differ.
fn differ_significantly(counts: [f64; 2], totals: [usize; 2]) -> bool {
    let [m, n] = totals.map(|total| total as f64);
    let [p, q] = [counts[0] / m, counts[1] / n];
    let pooled = (counts[0] + counts[1]) / (m + n);
    (p - q).abs() > Z * (pooled * (1.0 - pooled) * (1.0 / m + 1.0 / n)).sqrt()
}

/// Chooses at most `max` of the points as initial centres. Each is sampled with a probability
/// proportional to its squared distance from the nearest centre before it, so no point is chosen
/// twice.
///
/// [k-means++](https://dl.acm.org/doi/10.5555/1283383.1283494), Arthur & Vassilvitskii 2007.
fn initial_centres(points: Points<'_>, max: usize, stream: Stream) -> Vec<f32> {
    let word = |centre: usize| stream.block(centre as u32, 0)[0];
    let mut centres = points.row(rng::below(word(0), points.len())).to_vec();
    let mut distances = vec![f64::INFINITY; points.len()];
    for centre in 1..max {
        let last = &centres[centres.len() - points.dimensions()..];
        for (distance, point) in distances.iter_mut().zip(points.iter()) {
            *distance = distance.min(f32::squared_distance(point, last));
        }
        let Some(i) = sample_index(&distances, rng::unit(word(centre))) else { break };
        centres.extend_from_slice(points.row(i));
    }
    centres
}

/// Samples an index with probabilities proportional to `weights`, from a uniform random number
/// `unit` in 0 … 1; none if all weights are 0.
fn sample_index(weights: &[f64], unit: f32) -> Option<usize> {
    let mut left = f64::from(unit) * weights.iter().sum::<f64>();
    let positive = || weights.iter().enumerate().filter(|&(_, &weight)| weight > 0.0);
    let found = positive().find(|&(_, weight)| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a positive remainder after the last weight.
    found.or_else(|| positive().next_back()).map(|(i, _)| i)
}

/// The index of the nearest centre for each point; of several, the lowest.
fn nearest(points: Points<'_>, centres: Points<'_>, threads: usize) -> Vec<usize> {
    let filter = PairFilter::new(points, centres);
    let bins = pairs::fold(
        (points, centres),
        threads,
        |rows| vec![(0, f64::INFINITY); rows.len()],
        |bins, tile| {
            for (i, (bin, distance)) in tile.rows.clone().zip(bins) {
                *distance = filter.for_each_candidate(&tile, i, *distance, |j, nearest| {
                    let distance = filter.squared_distance(i, j);
                    if distance < nearest {
                        *bin = j;
                    }
                    distance.min(nearest)
                });
            }
        },
    );
    bins.concat().into_iter().map(|(bin, _)| bin).collect()
}

/// Moves each centre to the mean of its points, if it has any.
fn move_to_means(centres: &mut [f32], points: Points<'_>, bins: &[usize]) {
    let dimensions = points.dimensions();
    let mut sums = vec![0.0; centres.len()];
    let mut counts = vec![0_usize; centres.len() / dimensions];
    for (point, &bin) in points.iter().zip(bins) {
        counts[bin] += 1;
        let sums = &mut sums[bin * dimensions..][..dimensions];
        sums.iter_mut().zip(point).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    let means = sums.chunks_exact(dimensions).zip(counts);
    for (centre, (sums, count)) in centres.chunks_exact_mut(dimensions).zip(means) {
        if count > 0 {
            centre.iter_mut().zip(sums).for_each(|(x, sum)| *x = (sum / count as f64) as f32);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STREAM: Stream = Stream { seed: 3, site: 0 };

    fn of(numbers: &[f32], dimensions: usize) -> Bins {
        Bins::of(Points::new(numbers, dimensions), STREAM, 1)
    }

    /// Forty points within 1 of each centre.
    fn clusters(centres: &[f32]) -> Vec<f32> {
        let around = |&centre: &f32| (0..40).map(move |i| centre + (i % 5) as f32 / 5.0);
        centres.iter().flat_map(around).collect()
    }

    #[test]
    fn clusters_become_bins() {
        let points = clusters(&[0.0, 100.0, 200.0]);
        let assigned = nearest(Points::new(&points, 1), Points::new(&[200.4, 0.4, 100.4], 1), 1);
        assert_eq!(assigned, [[1; 40], [2; 40], [0; 40]].concat());
        // Six bins for 120 points. Distinct points of a cluster may share a bin; points of
        // different clusters never do.
        let bins = of(&points, 1);
        assert_eq!((bins.len(), bins.counts.iter().sum::<usize>()), (6, 120));
        assert!(bins.centres.iter().all(|x| x % 100.0 <= 0.8), "{:?}", bins.centres);
    }

    #[test]
    fn centre_moves_to_the_mean_of_its_points_and_stays_without_points() {
        let mut centres = [7.0, 7.0, 9.0, 9.0];
        let points = [1.0, 2.0, 3.0, 6.0];
        move_to_means(&mut centres, Points::new(&points, 2), &[0, 0]);
        assert_eq!(centres, [2.0, 4.0, 9.0, 9.0]);
    }

    #[test]
    fn reference_does_not_differ_from_itself() {
        let points = clusters(&[0.0, 10.0, 20.0, 30.0]);
        let points = Points::new(&points, 2);
        assert_eq!(Bins::of(points, STREAM, 1).fraction_different(points, 1), 0.0);
    }

    #[test]
    fn small_or_uniform_references_have_few_bins() {
        let points = clusters(&[0.0, 10.0]);
        assert_eq!((of(&points[..39], 1).len(), of(&points, 1).len()), (1, 4));
        // Two distinct points.
        let two: Vec<f32> = (0..400).map(|i| (i % 2) as f32).collect();
        assert_eq!((of(&two, 1).len(), of(&[5.0; 400], 1).len()), (2, 1));
        assert_eq!(of(&[5.0; 400], 1).fraction_different(Points::new(&[9.0], 1), 1), 0.0);
    }

    #[test]
    fn z_test_detects_significant_differences() {
        // Pooled 0.15, standard error 0.0505: a difference of 0.1 is 1.98 standard errors. Pooled
        // 0.155: a difference of 0.09 is 1.76.
        assert!(differ_significantly([20.0, 10.0], [100, 100]));
        assert!(!differ_significantly([20.0, 11.0], [100, 100]));
        assert!(!differ_significantly([0.0, 0.0], [9, 100]));
        assert!(!differ_significantly([9.0, 100.0], [9, 100]));
    }

    #[test]
    fn indices_are_sampled_in_proportion_to_their_weights() {
        let weights = [0.0, 1.0, 0.0, 3.0, 0.0];
        let sampled = [0.0, 0.24, 0.26, 0.999].map(|unit| sample_index(&weights, unit));
        assert_eq!(sampled, [Some(1), Some(1), Some(3), Some(3)]);
        assert_eq!((sample_index(&weights, 1.0), sample_index(&[0.0; 3], 0.5)), (Some(3), None));
    }
}

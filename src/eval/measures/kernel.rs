//! Kernel distance (KID): how differently two sets of points resemble each other.
//!
//! With k(x, y) = (x·y / d + 1)³ in d dimensions, the unbiased estimate of the squared maximum mean
//! discrepancy over all pairs of m points x of the sample and n points y of the reference:
//!
//! KID = mean over i ≠ j of k(xᵢ, xⱼ) + mean over i ≠ j of k(yᵢ, yⱼ) − 2 · mean over i, j of k(xᵢ, yⱼ)
//!
//! The lower the better. 0 is expected of two samples of one distribution, so about half of those
//! come out below 0.
//!
//! # Standard error
//!
//! To first order, KID is a sum of one term for each point, its Hájek projection. For a point of the
//! sample that is 2/m · aᵢ, with aᵢ = mean over j ≠ i of k(xᵢ, xⱼ) − mean over j of k(xᵢ, yⱼ), and for one
//! of the reference 2/n · bⱼ, likewise. The terms are independent of each other, so
//!
//! error² = 4 · var(a) / m + 4 · var(b) / n
//!
//! with unbiased variances. It holds where the distributions differ. Where they are the same, the terms
//! are noise and what is left out is of the same size: there the error is right in magnitude only.
//!
//! Source: [Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401), who average over small blocks of
//! pairs instead, which takes less time and has a larger error.

use super::Points;
use super::pairs;

/// How much points resemble each other: of each the mean kernel with the others.
pub struct Among(Vec<f64>);

/// The kernel distance of two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelDistance {
    /// The unbiased estimate.
    pub kid: f64,
    /// Its standard error.
    pub error: f64,
}

impl Among {
    /// What these points are like among themselves.
    ///
    /// # Panics
    /// When there are less than two.
    pub fn of(points: Points<'_>, threads: usize) -> Self {
        Self(means_with_others(points, threads))
    }
}

/// The distance of a sample from a reference, of which it is known what its points are like among
/// themselves.
///
/// # Panics
/// When there are less than two points, or points of different spaces.
pub fn distance(
    sample: Points<'_>,
    (reference, among): (Points<'_>, &Among),
    threads: usize,
) -> KernelDistance {
    let means = means_with_others(sample, threads);
    let across = Across::of(sample, reference, threads);
    let [m, n] = [sample, reference].map(|points| points.len() as f64);
    let a = differences(&means, &across.rows, n);
    let b = differences(&among.0, &across.columns, m);
    let variance = 4.0 * (variance(&a) / m + variance(&b) / n);
    KernelDistance { kid: mean(&a) + mean(&b), error: variance.sqrt() }
}

/// Each point's mean with the others less that with the `count` of the other set, from the sum.
fn differences(means: &[f64], sums: &[f64], count: f64) -> Vec<f64> {
    means.iter().zip(sums).map(|(mean, sum)| mean - sum / count).collect()
}

fn mean(numbers: &[f64]) -> f64 {
    numbers.iter().sum::<f64>() / numbers.len() as f64
}

fn variance(numbers: &[f64]) -> f64 {
    let mean = mean(numbers);
    numbers.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (numbers.len() - 1) as f64
}

/// Sums that are added side by side, for the sake of vector instructions.
const LANES: usize = 8;

/// Calls `add` with k of each product, its column in the row, and the lane of its sum.
#[inline(always)]
fn each_kernel(products: &[f32], dimensions: usize, mut add: impl FnMut(f64, usize, usize)) {
    let scale = 1.0 / dimensions as f64;
    let (chunks, rest) = products.as_chunks::<LANES>();
    let mut each = |at: usize, lane: usize, product: f32| {
        let base = f64::from(product) * scale + 1.0;
        add(base * base * base, at * LANES + lane, lane);
    };
    for (at, chunk) in chunks.iter().enumerate() {
        (0..LANES).for_each(|lane| each(at, lane, chunk[lane]));
    }
    rest.iter().enumerate().for_each(|(lane, &product)| each(chunks.len(), lane, product));
}

/// The mean of k(xᵢ, xⱼ) over j ≠ i, for each i.
fn means_with_others(points: Points<'_>, threads: usize) -> Vec<f64> {
    assert!(points.len() > 1, "{} points have no pairs", points.len());
    let sums = pairs::fold(
        (points, points),
        threads,
        |rows| vec![[0.0; LANES]; rows.len()],
        |sums, tile| {
            for (i, sums) in tile.rows.clone().zip(sums) {
                let products = tile.row(i);
                each_kernel(products, points.dimensions(), |k, _, lane| sums[lane] += k);
                if tile.columns.contains(&i) {
                    let itself = &products[i - tile.columns.start..][..1];
                    each_kernel(itself, points.dimensions(), |k, _, _| sums[0] -= k);
                }
            }
        },
    );
    let mean = |sums: &[f64; LANES]| sums.iter().sum::<f64>() / (points.len() - 1) as f64;
    sums.concat().iter().map(mean).collect()
}

/// Sums of k(xᵢ, yⱼ).
struct Across {
    /// Over j, for each i.
    rows: Vec<f64>,
    /// Over i, for each j.
    columns: Vec<f64>,
}

impl Across {
    fn of(sample: Points<'_>, reference: Points<'_>, threads: usize) -> Self {
        let dimensions = sample.dimensions();
        let parts = pairs::fold(
            (sample, reference),
            threads,
            |rows| (vec![[0.0; LANES]; rows.len()], vec![0.0; reference.len()]),
            |(rows, columns), tile| {
                let columns = &mut columns[tile.columns.clone()];
                for (i, row) in tile.rows.clone().zip(rows) {
                    let (products, columns) = (tile.row(i), &mut columns[..tile.columns.len()]);
                    each_kernel(products, dimensions, |k, column, lane| {
                        row[lane] += k;
                        columns[column] += k;
                    });
                }
            },
        );
        let mut all = Self { rows: Vec::new(), columns: vec![0.0; reference.len()] };
        for (rows, columns) in parts {
            all.rows.extend(rows.iter().map(|lanes| lanes.iter().sum::<f64>()));
            all.columns.iter_mut().zip(columns).for_each(|(sum, part)| *sum += part);
        }
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compare(sample: &[f32], reference: &[f32], dimensions: usize) -> KernelDistance {
        let reference = Points::new(reference, dimensions);
        distance(Points::new(sample, dimensions), (reference, &Among::of(reference, 1)), 1)
    }

    #[test]
    fn distance_is_what_it_is_by_hand() {
        // k(x, y) = (x·y + 1)³: 1 and 2 make 27, 0 makes 1 with any, 3 and 1 or 2 make 64 and 343.
        let found = compare(&[1.0, 2.0], &[0.0, 3.0], 1);
        assert_eq!(found.kid, 27.0 + 1.0 - 2.0 * (1.0 + 64.0 + 1.0 + 343.0) / 4.0);
        // a = 27 − (1 + 64) / 2 and 27 − (1 + 343) / 2, b = 1 − 1 and 1 − (64 + 343) / 2.
        let spread = |from: f64, to: f64| (from - to).powi(2) / 2.0;
        let variance = 4.0 * (spread(32.5, 172.0) + spread(1.0, 203.5)) / 2.0;
        assert!((found.error - variance.sqrt()).abs() < 1e-9, "{found:?}");
    }

    #[test]
    fn equal_constants_have_no_distance() {
        let found = compare(&[2.5; 30], &[2.5; 24], 3);
        assert!(found.kid.abs() < 1e-12 && found.error < 1e-12, "{found:?}");
    }

    #[test]
    fn dimension_divides_the_product() {
        // Copies of a coordinate change nothing, and neither do tails that lanes leave.
        let one = [0.5_f32, 1.0, 2.0, 4.0, 0.0, 1.5, 3.0, 2.5, 0.25, 1.25, 0.75];
        let four: Vec<f32> = one.iter().flat_map(|&x| [x; 4]).collect();
        let (thin, wide) = (compare(&one[..5], &one, 1), compare(&four[..20], &four, 4));
        assert_eq!(thin, wide);
    }
}

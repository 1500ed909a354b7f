//! Kernel distance (KID): the squared maximum mean discrepancy (MMD) between two sets of points.
//!
//! With k(x, y) = (x·y / d + 1)³ in d dimensions, the unbiased estimate of the squared maximum mean
//! discrepancy over all pairs of m points x of the sample and n points y of the reference:
//!
//! KID = mean over i ≠ j of k(xᵢ, xⱼ) + mean over i ≠ j of k(yᵢ, yⱼ) − 2 · mean over i, j of k(xᵢ,
//! yⱼ)
//!
//! Lower is better. For two samples of the same distribution the expected value is 0, so about half
//! of the estimates are negative.
//!
//! # Standard error
//!
//! To first order, KID is a sum with one term for each point, its Hájek projection: 2/m · aᵢ for a
//! point of the sample, with aᵢ = mean over j ≠ i of k(xᵢ, xⱼ) − mean over j of k(xᵢ, yⱼ), and
//! likewise 2/n · bⱼ for a point of the reference. The terms are independent, so
//!
//! error² = 4 · var(a) / m + 4 · var(b) / n
//!
//! with unbiased variances. This holds if the distributions differ. If they are equal, the terms
//! are noise and of the same size as the neglected higher orders, so only the magnitude of the
//! error is right.
//!
//! Source: [Bińkowski et al. 2018](https://arxiv.org/abs/1801.01401), who average over small blocks
//! of pairs instead, which is faster and has a larger error.

use super::Points;
use super::pairs;

/// The mean kernel of each point of a set with the other points of the set.
pub struct SelfKernelMeans(Vec<f64>);

/// The kernel distance between two samples.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct KernelDistance {
    /// The unbiased estimate.
    pub kid: f64,
    /// Its standard error.
    pub error: f64,
}

impl SelfKernelMeans {
    /// Computes the means of a set of points.
    ///
    /// # Panics
    /// When there are fewer than two points.
    pub fn of(points: Points<'_>, threads: usize) -> Self {
        Self(means_with_others(points, threads))
    }
}

/// The kernel distance between a sample and a reference, whose kernel means are computed already.
///
/// # Panics
/// When there are fewer than two points, or the dimensions differ.
pub fn distance(
    sample: Points<'_>,
    (reference, self_means): (Points<'_>, &SelfKernelMeans),
    threads: usize,
) -> KernelDistance {
    let means = means_with_others(sample, threads);
    let cross = CrossKernelSums::of(sample, reference, threads);
    let [m, n] = [sample, reference].map(|points| points.len() as f64);
    let a = differences(&means, &cross.rows, n);
    let b = differences(&self_means.0, &cross.columns, m);
    let variance = 4.0 * (variance(&a) / m + variance(&b) / n);
    KernelDistance { kid: mean(&a) + mean(&b), error: variance.sqrt() }
}

/// For each point, its mean kernel within its set minus that with the other set of `count` points,
/// which is given as a sum.
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

/// Partial sums, so that the compiler uses vector instructions.
const LANES: usize = 8;

/// Calls `add` for each dot product with its kernel, its column in the row, and the index of its
/// partial sum.
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
struct CrossKernelSums {
    /// Over j, for each i.
    rows: Vec<f64>,
    /// Over i, for each j.
    columns: Vec<f64>,
}

impl CrossKernelSums {
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
        distance(
            Points::new(sample, dimensions),
            (reference, &SelfKernelMeans::of(reference, 1)),
            1,
        )
    }

    #[test]
    fn distance_matches_a_calculation_by_hand() {
        // k(x, y) = (x·y + 1)³: k(1, 2) = 27, k(0, y) = 1, k(3, 1) = 64, k(3, 2) = 343.
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
    fn dot_product_is_divided_by_the_dimension() {
        // Repeating each coordinate changes nothing. Neither length is a multiple of the lanes.
        let one = [0.5_f32, 1.0, 2.0, 4.0, 0.0, 1.5, 3.0, 2.5, 0.25, 1.25, 0.75];
        let four: Vec<f32> = one.iter().flat_map(|&x| [x; 4]).collect();
        let (thin, wide) = (compare(&one[..5], &one, 1), compare(&four[..20], &four, 4));
        assert_eq!(thin, wide);
    }
}

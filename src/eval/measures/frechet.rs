//! Fréchet distance between two sets of points, each modelled as a Gaussian: FCD with our
//! classifier's features, FID with Inception's.
//!
//! |μ₁ − μ₂|² + tr Σ₁ + tr Σ₂ − 2 tr (Σ₁ Σ₂)^½
//!
//! with means μ and unbiased covariances Σ. It is at least 0; lower is better. It grows with fewer
//! points, even for two samples of the same distribution, so compare samples of equal size.
//!
//! The product Σ₁ Σ₂ is not symmetric, so rounding can make its square root complex. It has the
//! same eigenvalues as M·Mᵀ with M = Σ₁^½ Σ₂^½, so the trace of its root is the sum of the singular
//! values of M. So covariances may be singular: fewer points than dimensions, features that are
//! always 0, identical points. Roots are computed by singular value decomposition, too: the
//! eigenvalues of nearly singular matrices that nalgebra computes can be infinite. The remaining
//! rounding error is about 10⁻⁸ of the largest variance for each dimension.
//!
//! Source: [Heusel et al. 2017](https://arxiv.org/abs/1706.08500).

use std::sync::OnceLock;

use nalgebra::{DMatrix, DVector};

use super::Points;

/// Points in a block of the covariance sum.
const BLOCK: usize = 1024;

/// Mean and covariance of a set of points.
#[derive(Clone, Debug)]
pub struct Gaussian {
    mean: DVector<f64>,
    covariance: DMatrix<f64>,
    /// The square root of the covariance, computed at first use.
    root: OnceLock<DMatrix<f64>>,
}

impl Gaussian {
    /// The Gaussian of these points.
    ///
    /// # Panics
    /// When there are fewer than two.
    pub fn of(points: Points<'_>) -> Self {
        assert!(points.len() > 1, "{} points have no variance", points.len());
        let mean = mean(points);
        let covariance = covariance(points, &mean);
        Self { mean, covariance, root: OnceLock::new() }
    }

    fn root(&self) -> &DMatrix<f64> {
        self.root.get_or_init(|| {
            // The singular vectors of a covariance are its eigenvectors.
            let svd = self.covariance.clone().svd(true, false);
            let Some(vectors) = svd.u else { return self.covariance.clone() };
            let roots = DMatrix::from_diagonal(&svd.singular_values.map(f64::sqrt));
            &vectors * roots * vectors.transpose()
        })
    }
}

/// The Fréchet distance between two Gaussians. The square roots of their covariances, which are
/// expensive, are cached in them.
///
/// # Panics
/// When their dimensions differ.
pub fn distance(a: &Gaussian, b: &Gaussian) -> f64 {
    let shared = (a.root() * b.root()).singular_values().sum();
    let means = (&a.mean - &b.mean).norm_squared();
    let distance = means + a.covariance.trace() + b.covariance.trace() - 2.0 * shared;
    // Negative by rounding. Not `max`, which would hide NaN.
    if distance < 0.0 { 0.0 } else { distance }
}

fn mean(points: Points<'_>) -> DVector<f64> {
    let mut sum = DVector::zeros(points.dimensions());
    for point in points.iter() {
        sum.iter_mut().zip(point).for_each(|(sum, &x)| *sum += f64::from(x));
    }
    sum / points.len() as f64
}

fn covariance(points: Points<'_>, mean: &DVector<f64>) -> DMatrix<f64> {
    let dimensions = points.dimensions();
    let mut sum = DMatrix::zeros(dimensions, dimensions);
    for first in (0..points.len()).step_by(BLOCK) {
        let rows = first..points.len().min(first + BLOCK);
        let numbers = points.rows(rows.clone()).iter().map(|&x| f64::from(x));
        // Each column is a point.
        let mut centred = DMatrix::from_iterator(dimensions, rows.len(), numbers);
        centred.column_iter_mut().for_each(|mut column| column -= mean);
        sum.gemm(1.0, &centred, &centred.transpose(), 1.0);
    }
    sum / (points.len() - 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gaussian(numbers: &[f32], dimensions: usize) -> Gaussian {
        Gaussian::of(Points::new(numbers, dimensions))
    }

    #[track_caller]
    fn assert_near(found: f64, want: f64) {
        assert!((found - want).abs() <= 1e-9 * want.abs().max(1.0), "{found}, not {want}");
    }

    #[test]
    fn distance_in_one_dimension_is_that_of_means_and_standard_deviations() {
        // Means 2 and 10; variances 1 and 9.
        let (a, b) = (gaussian(&[1.0, 2.0, 3.0], 1), gaussian(&[7.0, 10.0, 13.0], 1));
        assert_eq!((a.mean[0], a.covariance[0], b.covariance[0]), (2.0, 1.0, 9.0));
        assert_near(distance(&a, &b), 8.0_f64.powi(2) + (3.0_f64 - 1.0).powi(2));
    }

    /// A Gaussian of mean 0 with these variances along (1, 1) and (1, −1).
    fn rotated([along, across]: [f64; 2]) -> Gaussian {
        let (s, t) = ((1.5 * along / 2.0).sqrt() as f32, (1.5 * across / 2.0).sqrt() as f32);
        gaussian(&[s, s, -s, -s, t, -t, -t, t], 2)
    }

    #[test]
    fn commuting_covariances_differ_by_the_roots_of_their_eigenvalues() {
        let found = distance(&rotated([4.0, 1.0]), &rotated([9.0, 16.0]));
        assert!((found - (1.0 + 9.0)).abs() < 1e-5, "{found}");
    }

    #[test]
    fn non_commuting_covariances_match_the_closed_form_in_two_dimensions() {
        // tr M^½ = √(tr M + 2 √det M) of a 2 × 2 matrix.
        let other = gaussian(&[3.0, 0.0, -3.0, 0.0, 0.0, 1.0, 0.0, -1.0], 2);
        let (a, b) = (rotated([4.0, 1.0]), other);
        let product = &a.covariance * &b.covariance;
        let root = (product.trace() + 2.0 * product.determinant().sqrt()).sqrt();
        let want = a.covariance.trace() + b.covariance.trace() - 2.0 * root;
        assert_near(distance(&a, &b), want);
        assert_near(distance(&b, &a), want);
    }

    /// Uniform random numbers.
    fn numbers(count: usize, seed: u32) -> Vec<f32> {
        let stream = crate::rng::Stream { seed: 1, site: seed };
        (0..count as u32).map(|i| crate::rng::unit(stream.block(i, 0)[0])).collect()
    }

    #[test]
    fn fewer_points_than_dimensions_have_a_distance() {
        let (a, b) = (numbers(10 * 84, 0), numbers(10 * 84, 1));
        let (a, b) = (gaussian(&a, 84), gaussian(&b, 84));
        let found = distance(&a, &b);
        assert!(found.is_finite() && found > 1.0, "{found}");
        assert!((distance(&b, &a) - found).abs() < 1e-5 * found, "{found}");
        assert!(distance(&a, &a.clone()) < 1e-5 * found);
        // A small change of the points is a small change of the distance.
        let shifted: Vec<f32> = numbers(10 * 84, 1).iter().map(|x| x + 1e-4).collect();
        let jump = (distance(&a, &gaussian(&shifted, 84)) - found).abs();
        assert!(jump < 1e-2, "{jump}");
    }

    #[test]
    fn dead_features_and_constant_points_have_a_distance() {
        let mut some = numbers(50 * 6, 2);
        some.chunks_exact_mut(6).for_each(|point| point[3..].fill(0.0));
        let (some, constant) = (gaussian(&some, 6), gaussian(&[0.5; 60], 6));
        let want = (&some.mean - &constant.mean).norm_squared() + some.covariance.trace();
        assert_near(distance(&some, &constant), want);
        assert_near(distance(&constant, &some), want);
        assert_eq!(distance(&constant, &constant), 0.0);
    }

    /// As of three images' features, most of which hardly vary: variances from 10⁻¹⁴ to 1.
    #[test]
    fn many_dimensions_of_very_different_variances_have_a_distance() {
        for count in [50, 251, 300] {
            let of = |seed| {
                let scaled = numbers(count * 252, seed).into_iter().enumerate();
                let scaled = scaled.map(|(i, x)| x * 10_f32.powi(-(i as i32 % 8)));
                gaussian(&scaled.collect::<Vec<_>>(), 252)
            };
            let (a, b) = (of(5), of(6));
            let (found, parts) = (distance(&a, &b), a.covariance.trace() + b.covariance.trace());
            assert!(found.is_finite() && found > 1e-3 && found < 2.0 * parts, "{count}: {found}");
            assert!((distance(&b, &a) - found).abs() < 1e-6, "{count}: {found}");
        }
    }

    #[test]
    fn points_far_from_the_origin_keep_their_covariance() {
        let near = numbers(3000 * 2, 3).iter().map(|x| (x * 64.0).round()).collect::<Vec<_>>();
        let far = near.iter().map(|x| x + 65536.0).collect::<Vec<_>>();
        let difference = gaussian(&near, 2).covariance - gaussian(&far, 2).covariance;
        assert!(difference.amax() < 1e-9, "{difference}");
    }
}

//! Interpolation between two rows of noise (points of the latent space).
//!
//! A generator is trained on noise of one distribution only. Normal noise of many dimensions lies
//! close to a sphere, and a straight line between two points leaves the sphere for its inside,
//! where the generator has seen no noise. So normal noise is interpolated along the sphere (slerp;
//! Tom White, [Sampling Generative Networks](https://arxiv.org/abs/1609.04468)). Uniform noise
//! fills a cube, which is convex, so a straight line stays inside.

use crate::device::Real;
use crate::device::ops::Latent;

/// Below this sine of the angle between two rows, they are nearly parallel (a straight line is as
/// good) or nearly opposite (there is no unique shortest path on the sphere).
const MIN_SINE: f64 = 1e-6;

/// Interpolates from `a` to `b`: `steps` rows of noise, both ends included.
///
/// Normal noise: sin((1−t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b, where Ω is the angle between `a` and
/// `b`. For uniform noise, and if `a` and `b` are parallel, opposite or zero: (1−t)·a + t·b.
///
/// # Panics
/// When the rows differ in length, or there are fewer than two steps.
pub fn interpolate<R: Real>(latent: Latent, a: &[R], b: &[R], steps: usize) -> Vec<R> {
    assert!(a.len() == b.len() && steps >= 2, "two rows of the same length, two or more steps");
    let angle = match latent {
        Latent::Normal => angle_between(a, b),
        Latent::Uniform => None,
    };
    let row = |step: usize| {
        let [w_a, w_b] = weights(step as f64 / (steps - 1) as f64, angle);
        a.iter().zip(b).map(move |(a, b)| R::from_f64(w_a * a.to_f64() + w_b * b.to_f64()))
    };
    (0..steps).flat_map(row).collect()
}

/// The weights of both ends at `t`, from 0 to 1.
fn weights(t: f64, angle: Option<f64>) -> [f64; 2] {
    match angle {
        Some(angle) => [1.0 - t, t].map(|t| (t * angle).sin() / angle.sin()),
        None => [1.0 - t, t],
    }
}

/// The angle between two rows in radians; none if they are parallel, opposite or zero.
fn angle_between<R: Real>(a: &[R], b: &[R]) -> Option<f64> {
    let dot = |a: &[R], b: &[R]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    // A row of zeros gives NaN, for which the comparison is false.
    let angle = cosine.clamp(-1.0, 1.0).acos();
    (angle.sin() > MIN_SINE).then_some(angle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn norm(row: &[f64]) -> f64 {
        row.iter().map(|x| x * x).sum::<f64>().sqrt()
    }

    #[test]
    fn ends_are_exact() {
        let a = [0.3_f32, -1.7, 2.4, 1e-7];
        let b = [-0.9_f32, 0.4, 1.1, -3.0];
        for latent in [Latent::Normal, Latent::Uniform] {
            for steps in [2, 3, 10, 1000] {
                let path = interpolate(latent, &a, &b, steps);
                assert_eq!(path.len(), 4 * steps);
                assert_eq!((&path[..4], &path[4 * (steps - 1)..]), (&a[..], &b[..]));
            }
        }
    }

    #[test]
    fn normal_noise_is_interpolated_on_the_sphere_at_even_angles() {
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        let path = interpolate(Latent::Normal, &a, &b, 4);
        for (i, row) in path.chunks(3).enumerate() {
            assert!((norm(row) - 5.0).abs() < 1e-12, "{row:?}");
            let angle = (row[1] / 5.0).asin().to_degrees();
            assert!((angle - 30.0 * i as f64).abs() < 1e-9, "{angle}");
        }
    }

    #[test]
    fn uniform_noise_is_interpolated_linearly() {
        let path = interpolate(Latent::Uniform, &[1.0, -1.0], &[0.0, 1.0], 5);
        assert_eq!(path, [1.0, -1.0, 0.75, -0.5, 0.5, 0.0, 0.25, 0.5, 0.0, 1.0]);
    }

    #[test]
    fn parallel_opposite_and_zero_rows_are_interpolated_linearly() {
        let a = [0.5_f64, -2.0, 1.0];
        for factor in [1.0, 1.0 + 1e-9, 3.0, -1.0, -2.0, 0.0] {
            let b = a.map(|x| factor * x);
            for (a, b) in [(a, b), (b, a)] {
                let path = interpolate(Latent::Normal, &a, &b, 3);
                for i in 0..3 {
                    let middle = 0.5 * a[i] + 0.5 * b[i];
                    assert!((path[3 + i] - middle).abs() < 1e-12, "{factor}: {path:?}");
                }
            }
        }
        assert_eq!(interpolate(Latent::Normal, &[0.0_f32; 2], &[0.0; 2], 3), [0.0; 6]);
    }
}

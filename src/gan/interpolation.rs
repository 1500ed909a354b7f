//! The way from one row of noise to another.
//!
//! A generator has seen noise of its own distribution only. Normal noise of many dimensions lies
//! close to a sphere, and a straight line between two points leaves it for the middle, where no
//! noise was; so the way follows the sphere (Tom White, [Sampling Generative
//! Networks](https://arxiv.org/abs/1609.04468)). Uniform noise fills a cube, which every straight
//! line stays in.

use crate::device::Real;
use crate::device::ops::Latent;

/// Below this sine of the angle between two rows there is no one shortest way round the sphere, or
/// it is as good as straight.
const LEAST_SINE: f64 = 1e-6;

/// `steps` rows of noise from `a` to `b`, both included, one after the other.
///
/// Normal noise: sin((1−t)Ω)/sin Ω · a + sin(tΩ)/sin Ω · b, Ω the angle between them; where they
/// are parallel, opposite or zero, and for uniform noise: (1−t)·a + t·b.
///
/// # Panics
/// When the rows differ in length, or there are fewer than two steps.
pub fn interpolate<R: Real>(latent: Latent, a: &[R], b: &[R], steps: usize) -> Vec<R> {
    assert!(a.len() == b.len() && steps >= 2, "from one end to the other");
    let angle = match latent {
        Latent::Normal => angle_between(a, b),
        Latent::Uniform => None,
    };
    let row = |step: usize| {
        let [of_a, of_b] = shares(step as f64 / (steps - 1) as f64, angle);
        a.iter().zip(b).map(move |(a, b)| R::from_f64(of_a * a.to_f64() + of_b * b.to_f64()))
    };
    (0..steps).flat_map(row).collect()
}

/// How much of either end there is at `t`, from 0 to 1.
fn shares(t: f64, angle: Option<f64>) -> [f64; 2] {
    match angle {
        Some(angle) => [1.0 - t, t].map(|share| (share * angle).sin() / angle.sin()),
        None => [1.0 - t, t],
    }
}

/// The angle between two rows in radians, if there is one way round.
fn angle_between<R: Real>(a: &[R], b: &[R]) -> Option<f64> {
    let dot = |a: &[R], b: &[R]| a.iter().zip(b).map(|(a, b)| a.to_f64() * b.to_f64()).sum::<f64>();
    let cosine = dot(a, b) / (dot(a, a) * dot(b, b)).sqrt();
    // NaN, from a row of zeros, stays NaN and is refused.
    let angle = cosine.clamp(-1.0, 1.0).acos();
    (angle.sin() > LEAST_SINE).then_some(angle)
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
                let way = interpolate(latent, &a, &b, steps);
                assert_eq!(way.len(), 4 * steps);
                assert_eq!((&way[..4], &way[4 * (steps - 1)..]), (&a[..], &b[..]));
            }
        }
    }

    #[test]
    fn normal_noise_stays_on_the_sphere_at_even_angles() {
        let (a, b) = ([3.0, 0.0, 4.0], [0.0, 5.0, 0.0]);
        let way = interpolate(Latent::Normal, &a, &b, 4);
        for (i, row) in way.chunks(3).enumerate() {
            assert!((norm(row) - 5.0).abs() < 1e-12, "{row:?}");
            let angle = (row[1] / 5.0).asin().to_degrees();
            assert!((angle - 30.0 * i as f64).abs() < 1e-9, "{angle}");
        }
    }

    #[test]
    fn uniform_noise_takes_the_straight_line() {
        let way = interpolate(Latent::Uniform, &[1.0, -1.0], &[0.0, 1.0], 5);
        assert_eq!(way, [1.0, -1.0, 0.75, -0.5, 0.5, 0.0, 0.25, 0.5, 0.0, 1.0]);
    }

    #[test]
    fn parallel_opposite_and_zero_rows_take_the_straight_line() {
        let a = [0.5_f64, -2.0, 1.0];
        for factor in [1.0, 1.0 + 1e-9, 3.0, -1.0, -2.0, 0.0] {
            let b = a.map(|x| factor * x);
            for (a, b) in [(a, b), (b, a)] {
                let way = interpolate(Latent::Normal, &a, &b, 3);
                for i in 0..3 {
                    let middle = 0.5 * a[i] + 0.5 * b[i];
                    assert!((way[3 + i] - middle).abs() < 1e-12, "{factor}: {way:?}");
                }
            }
        }
        assert_eq!(interpolate(Latent::Normal, &[0.0_f32; 2], &[0.0; 2], 3), [0.0; 6]);
    }
}

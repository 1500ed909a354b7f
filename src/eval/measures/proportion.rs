//! Confidence interval of a proportion.

/// The 97.5th percentile of the standard normal distribution.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % confidence interval of a proportion, from the number of successes and trials: the
/// proportions p that do not differ significantly from the observed one,
/// |p̂ − p| ≤ z · √(p (1 − p) / n).
///
/// It lies within 0 … 1, and its width is positive even if no or all trials succeed. Without trials
/// it is 0 … 1.
///
/// Source: [Wilson 1927](https://doi.org/10.1080/01621459.1927.10502953).
///
/// # Panics
/// When there are more successes than trials.
pub fn wilson(successes: usize, trials: usize) -> [f64; 2] {
    assert!(successes <= trials, "{successes} of {trials}");
    if trials == 0 {
        return [0.0, 1.0];
    }
    let (n, z2) = (trials as f64, Z * Z);
    let p = successes as f64 / n;
    let centre = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z / (1.0 + z2 / n) * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    [(centre - half).max(0.0), (centre + half).min(1.0)]
}

#[cfg(test)]
mod tests {
    use super::wilson;

    /// Newcombe 1998, *Two-sided confidence intervals for the single proportion*, table I, method
    /// 3.
    #[test]
    fn interval_matches_published_values() {
        let published = [
            ((81, 263), [0.2553, 0.3662]),
            ((15, 148), [0.0624, 0.1605]),
            ((0, 20), [0.0000, 0.1611]),
            ((1, 29), [0.0061, 0.1718]),
        ];
        for ((successes, trials), want) in published {
            let found = wilson(successes, trials);
            let near = found.iter().zip(want).all(|(found, want)| (found - want).abs() < 5.1e-5);
            assert!(near, "{successes} of {trials}: {found:?}, not {want:?}");
        }
    }

    #[test]
    fn intervals_of_successes_and_failures_are_symmetric() {
        let ([low, high], [from, to]) = (wilson(3, 50), wilson(47, 50));
        assert!((low + to - 1.0).abs() < 1e-14 && (high + from - 1.0).abs() < 1e-14);
        assert!(wilson(0, 9)[0] < 1e-15 && wilson(9, 9)[1] > 1.0 - 1e-15);
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }
}

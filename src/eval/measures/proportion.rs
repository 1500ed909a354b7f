//! How sure a proportion is.

/// The standard normal distribution has 2.5 % beyond this on either side.
pub(super) const Z: f64 = 1.959_963_984_540_054;

/// The 95 % interval of a proportion of which some of all trials were seen to succeed: Wilson's, the
/// proportions p that do not differ significantly from the observed one,
/// |p̂ − p| ≤ z · √(p (1 − p) / n).
///
/// It lies within 0 … 1 and has a width also where none or all succeed. Of no trials it is all of 0 … 1.
///
/// Source: [Wilson 1927](https://doi.org/10.1080/01621459.1927.10502953).
///
/// # Panics
/// When more succeed than there are trials.
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

    /// Newcombe 1998, *Two-sided confidence intervals for the single proportion*, table I, method 3.
    #[test]
    fn interval_is_the_published_one() {
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
    fn interval_of_failures_is_that_of_successes_turned_round() {
        let ([low, high], [from, to]) = (wilson(3, 50), wilson(47, 50));
        assert!((low + to - 1.0).abs() < 1e-14 && (high + from - 1.0).abs() < 1e-14);
        assert!(wilson(0, 9)[0] < 1e-15 && wilson(9, 9)[1] > 1.0 - 1e-15);
        assert_eq!(wilson(0, 0), [0.0, 1.0]);
    }
}

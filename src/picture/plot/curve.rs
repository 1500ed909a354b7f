//! Prepares a run's curves for plotting: aggregates points and chooses the range of the axis.
//!
//! A long run has more points than a plot has pixels, so neighbouring points are aggregated. A few
//! spikes must not flatten the rest of a curve, so the axis may exclude outliers.

use std::ops::Range;

/// A point of the plot: iteration, discriminator loss, generator loss.
pub type LossPoint = (u64, f32, f32);

/// Maximum number of points of a curve: one for every two pixels.
const BUCKETS: usize = 400;
/// The axis excludes outliers beyond this quantile, and below the opposite one.
const QUANTILE: f64 = 0.995;

/// The range of all losses, and the range of the axis.
pub struct Span {
    all: Range<f64>,
    pub shown: Range<f64>,
}

impl Span {
    /// The range of all finite losses of both curves, and an axis that includes 0.
    pub fn of(points: &[LossPoint]) -> Span {
        let losses = points.iter().flat_map(|point| [point.1, point.2]);
        let mut losses: Vec<f64> = losses.filter(|loss| loss.is_finite()).map(f64::from).collect();
        losses.sort_by(f64::total_cmp);
        let (Some(&least), Some(&greatest)) = (losses.first(), losses.last()) else {
            return Span { all: 0.0..1.0, shown: 0.0..1.0 };
        };
        let quantile = |q: f64| losses[((losses.len() - 1) as f64 * q).round() as usize];
        let (low, high) = (quantile(1.0 - QUANTILE).min(0.0), quantile(QUANTILE).max(0.0));
        let tolerance = ((high - low) * 0.5).max(0.1);
        // Outliers within half the range of the others are included.
        let top = if greatest <= high + tolerance { greatest.max(0.0) } else { high };
        let bottom = if least >= low - tolerance { least.min(0.0) } else { low };
        let margin = ((top - bottom) * 0.06).max(0.01);
        let start = if bottom < 0.0 { bottom - margin } else { 0.0 };
        Span { all: least..greatest, shown: start..top + margin }
    }

    /// A note on losses beyond the axis, if there are any.
    pub fn note(&self) -> Option<String> {
        let above =
            (self.all.end > self.shown.end).then(|| format!("highest loss {:.2}", self.all.end));
        let below = (self.all.start < self.shown.start)
            .then(|| format!("lowest loss {:.2}", self.all.start));
        let beyond: Vec<_> = above.into_iter().chain(below).collect();
        (!beyond.is_empty()).then(|| format!("beyond the axis: {}", beyond.join(", ")))
    }
}

/// Neighbouring points of a curve, aggregated.
pub struct Bucket {
    pub iteration: f64,
    pub least: f64,
    pub mean: f64,
    pub greatest: f64,
}

/// A curve of at most [`BUCKETS`] points; NaN and infinite numbers are left out.
pub fn curve(points: impl Iterator<Item = (u64, f32)>) -> Vec<Bucket> {
    let finite = points.map(|(iteration, number)| (iteration as f64, f64::from(number)));
    let finite: Vec<_> = finite.filter(|(_, number)| number.is_finite()).collect();
    let size = finite.len().div_ceil(BUCKETS).max(1);
    finite.chunks(size).map(Bucket::of).collect()
}

impl Bucket {
    pub fn of(points: &[(f64, f64)]) -> Bucket {
        let count = points.len() as f64;
        let numbers = || points.iter().map(|point| point.1);
        Bucket {
            iteration: points.iter().map(|point| point.0).sum::<f64>() / count,
            least: numbers().fold(f64::INFINITY, f64::min),
            mean: numbers().sum::<f64>() / count,
            greatest: numbers().fold(f64::NEG_INFINITY, f64::max),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spike_does_not_flatten_the_rest() {
        let spike = |i| if i == 500 { 1e6 } else { 2.0 };
        let points: Vec<_> = (0..1000).map(|i| (i, 0.5, spike(i))).collect();
        let span = Span::of(&points);
        assert!(span.shown.start == 0.0 && span.shown.end < 3.0, "{:?}", span.shown);
        assert_eq!(span.note().unwrap(), "beyond the axis: highest loss 1000000.00");
        assert_eq!(Span::of(&points[..500]).note(), None);
    }

    #[test]
    fn curves_of_long_runs_are_aggregated_with_their_extremes() {
        let points: Vec<_> = (0..100_000).map(|i| (i, (i % 10) as f32, f32::NAN)).collect();
        let buckets = curve(points.iter().map(|point| (point.0, point.1)));
        assert_eq!(buckets.len(), BUCKETS);
        assert!(buckets.iter().all(|bucket| (bucket.least, bucket.greatest) == (0.0, 9.0)));
        assert!(buckets.iter().all(|bucket| bucket.mean == 4.5));
        assert!(curve(points.iter().map(|point| (point.0, point.2))).is_empty());
    }
}

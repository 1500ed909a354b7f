//! Histograms of thirty equal buckets, as `tf.summary.histogram` makes them.

use super::message::Histogram;

const BUCKETS: usize = 30;

impl Histogram {
    /// The histogram of the finite numbers. If all are equal, it has one bucket of width 1.
    pub fn of(values: impl Iterator<Item = f64> + Clone) -> Histogram {
        let values = || values.clone().filter(|value| value.is_finite());
        let mut total = Histogram { min: f64::INFINITY, max: f64::NEG_INFINITY, ..Self::default() };
        for value in values() {
            total.min = total.min.min(value);
            total.max = total.max.max(value);
            total.num += 1.0;
            total.sum += value;
            total.sum_squares += value * value;
        }
        let (min, max, buckets) = match (total.min, total.max) {
            _ if total.num == 0.0 => return Self::default(),
            (min, max) if min == max => (min - 0.5, max + 0.5, 1),
            (min, max) => (min, max, BUCKETS),
        };
        let width = (max - min) / buckets as f64;
        let mut bucket = vec![0.0; buckets];
        for value in values() {
            bucket[(((value - min) / width) as usize).min(buckets - 1)] += 1.0;
        }
        let bucket_limit = (1..=buckets).map(|i| min + width * i as f64).collect();
        Histogram { min, max, bucket_limit, bucket, ..total }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_equal_and_hold_all_finite_numbers() {
        let mut values: Vec<f64> = (0..=300).map(|i| f64::from(i) / 10.0).collect();
        values.extend([f64::NAN, f64::INFINITY]);
        let histogram = Histogram::of(values.iter().copied());
        assert_eq!((histogram.min, histogram.max, histogram.num), (0.0, 30.0, 301.0));
        assert_eq!(histogram.bucket[..29], [10.0; 29]);
        assert_eq!(histogram.bucket[29], 11.0);
        assert_eq!(histogram.bucket_limit, (1..=30).map(f64::from).collect::<Vec<_>>());
        assert!((histogram.sum - 4515.0).abs() < 1e-9);
        assert!((histogram.sum_squares - 90_450.5).abs() < 1e-6);
    }

    #[test]
    fn equal_numbers_are_one_bucket_and_no_numbers_are_an_empty_histogram() {
        let histogram = Histogram::of([2.0; 5].into_iter());
        assert_eq!((histogram.min, histogram.max), (1.5, 2.5));
        assert_eq!((histogram.bucket_limit, histogram.bucket), (vec![2.5], vec![5.0]));
        assert_eq!(Histogram::of([f64::NAN].into_iter()), Histogram::default());
    }
}

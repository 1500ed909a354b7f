//! The valid range of every number in flags and in a `config.toml`.
//!
//! The limits reject nonsense, and products of extents stay far from overflow: even for the largest
//! layers the required memory can be computed, and the network is refused for it.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use crate::text::grouped;

/// A range of numbers whose bounds are included or excluded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range<T>(Bound<T>, Bound<T>);

use Bound::{Excluded, Included};

/// Layer widths, batch sizes and other counts: checkpoints, iterations of a benchmark.
pub const EXTENT: Range<u64> = whole(1, 1_000_000);
/// Number of hidden layers of a network.
pub const LAYERS: Range<u64> = whole(1, 64);
/// Kernel size and stride of a convolution.
pub const KERNEL: Range<u64> = whole(1, 1024);
/// Padding of a convolution.
pub const PADDING: Range<u64> = whole(0, 1024);
/// Height and width of an image, in pixels.
pub const IMAGE_SIZE: Range<u64> = whole(1, 1024);
/// Number of classes of a conditional GAN.
pub const CLASSES: Range<u64> = whole(1, 10_000);
/// Number of CPU threads.
pub const THREADS: Range<u64> = whole(1, 1024);
/// Epochs of a run.
pub const EPOCHS: Range<u64> = whole(1, 1_000_000);
/// Iterations of a run, and intervals counted in iterations.
pub const ITERATIONS: Range<u64> = whole(1, u32::MAX as u64);
/// Warm-up iterations of a benchmark.
pub const WARMUP: Range<u64> = whole(0, 1_000_000);
/// Maximum number of images of one `sample`.
pub const MAX_SAMPLES: u64 = 100_000;
/// Number of images of one `sample`.
pub const SAMPLES: Range<u64> = whole(1, MAX_SAMPLES);
/// Number of generated images of one `evaluate`.
pub const EVALUATED_SAMPLES: Range<u64> = whole(10, MAX_SAMPLES);
/// Runs of a set.
pub const SET_RUNS: Range<u64> = whole(1, 1000);
/// Number of a process among those of a run.
pub const RANK: Range<u64> = whole(0, 9999);
/// Processes of a run.
pub const WORLD_SIZE: Range<u64> = whole(1, 10_000);
/// A TCP port.
pub const PORT: Range<u64> = whole(1, 65_535);
/// Seconds within which the processes of a run start.
pub const JOIN_TIMEOUT: Range<u64> = whole(1, 86_400);
/// Steps of an interpolation between two seeds.
pub const INTERPOLATION_STEPS: Range<u64> = whole(2, 1000);
/// Frames of an animation.
pub const FRAMES: Range<u64> = whole(2, 10_000);
/// Frames per second of an animation: browsers slow down frames shorter than 1/50 s.
pub const FRAMES_PER_SECOND: Range<u64> = whole(1, 50);
/// Seeds: the non-negative integers of TOML.
pub const SEED: Range<u64> = whole(0, i64::MAX as u64);
/// Adam's learning rate.
pub const LEARNING_RATE: Range<f64> = Range(Included(1e-12), Included(1000.0));
/// An epsilon that is added to avoid division by zero.
pub const EPSILON: Range<f64> = Range(Included(1e-12), Included(1000.0));
/// The factor of a gradient penalty; 0 is none.
pub const PENALTY: Range<f64> = Range(Included(0.0), Included(1e6));
/// The number of iterations of which one has penalties, or an update of the generator.
pub const PERIOD: Range<u64> = whole(1, 1000);
/// Warm-up of a moving average, in updates of the generator.
pub const AVERAGE_WARMUP: Range<u64> = whole(0, 1_000_000);
/// Images in a pack.
pub const PACK: Range<u64> = whole(1, 16);
/// The scale factor of a loss.
pub const FACTOR: Range<f64> = Range(Included(1e-6), Included(1e6));
/// The standard deviation of initial weights.
pub const STANDARD_DEVIATION: Range<f64> = Range(Excluded(0.0), Included(1e6));
/// Decay rates and dropout probabilities.
pub const FRACTION: Range<f64> = Range(Included(0.0), Excluded(1.0));
/// Slopes of LeakyReLU, and BatchNorm momentum.
pub const POSITIVE_FRACTION: Range<f64> = Range(Excluded(0.0), Included(1.0));

const fn whole(min: u64, max: u64) -> Range<u64> {
    Range(Included(min), Included(max))
}

impl<T: PartialOrd> Range<T> {
    /// Whether the range contains a number; no range contains NaN.
    pub fn contains(self, number: T) -> bool {
        (self.0, self.1).contains(&number)
    }
}

/// Displays as "a whole number from 1 to 1,000,000".
impl fmt::Display for Range<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number ")?;
        ends(self, grouped, f)
    }
}

/// Displays as "a number from 0 to below 1".
impl fmt::Display for Range<f64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = |number: f64| match number {
            1000.0.. => grouped(number as u64),
            0.0 | 0.001.. => number.to_string(),
            _ => format!("{number:e}"),
        };
        f.write_str("a number ")?;
        ends(self, text, f)
    }
}

fn ends<T: Copy>(
    range: &Range<T>,
    text: impl Fn(T) -> String,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let Range(min, max) = *range;
    let [from, to] = match (min, max) {
        (Excluded(_), Included(_)) => ["above", "and at most"],
        (_, Excluded(_)) => ["from", "to below"],
        _ => ["from", "to"],
    };
    let end = |bound| match bound {
        Included(end) | Excluded(end) => text(end),
        Bound::Unbounded => "anything".to_owned(),
    };
    write!(f, "{from} {} {to} {}", end(min), end(max))
}

/// A value outside its valid range.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}, but must be {expected}")]
pub struct OutOfRange {
    /// The key in a TOML file, as `gan.batch_size`.
    pub key: &'static str,
    /// The value found.
    pub value: String,
    /// A description of the valid values.
    pub expected: String,
}

impl OutOfRange {
    /// Formats the value and the valid range.
    pub fn new(key: &'static str, value: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self { key, value: value.to_string(), expected: expected.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_display_as_phrases() {
        assert_eq!(EXTENT.to_string(), "a whole number from 1 to 1,000,000");
        assert_eq!(LEARNING_RATE.to_string(), "a number from 1e-12 to 1,000");
        assert_eq!(FACTOR.to_string(), "a number from 1e-6 to 1,000,000");
        assert_eq!(FRACTION.to_string(), "a number from 0 to below 1");
        assert_eq!(POSITIVE_FRACTION.to_string(), "a number above 0 and at most 1");
    }

    #[test]
    fn ranges_respect_excluded_bounds_and_never_contain_nan() {
        assert!(EXTENT.contains(1) && EXTENT.contains(1_000_000));
        assert!(!EXTENT.contains(0) && !EXTENT.contains(1_000_001));
        assert!(FRACTION.contains(0.0) && !FRACTION.contains(1.0));
        assert!(!POSITIVE_FRACTION.contains(0.0) && POSITIVE_FRACTION.contains(1.0));
        for range in [LEARNING_RATE, EPSILON, FACTOR, FRACTION, POSITIVE_FRACTION] {
            assert!(![f64::NAN, f64::INFINITY, -1.0].into_iter().any(|x| range.contains(x)));
        }
    }
}

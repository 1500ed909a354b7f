//! The ranges of all numbers that a person may choose: on the command line and in a `config.toml`.
//!
//! They keep nonsense out, and products of extents far from overflow: a network of the largest
//! layers is refused for the memory it would take, which can then be computed.

use std::fmt;
use std::ops::{Bound, RangeBounds};

use crate::text::grouped;

/// The numbers from one to another, each end with or without itself.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range<T>(Bound<T>, Bound<T>);

use Bound::{Excluded, Included};

/// Widths of layers, rows of a batch, and whatever else is counted: checkpoints, iterations of a
/// benchmark.
pub const EXTENT: Range<u64> = whole(1, 1_000_000);
/// Hidden layers of a network.
pub const LAYERS: Range<u64> = whole(1, 64);
/// The side of a convolution's kernel, and its stride.
pub const KERNEL: Range<u64> = whole(1, 1024);
/// Rows and columns of zeros around an image.
pub const PADDING: Range<u64> = whole(0, 1024);
/// The side of an image, in pixels.
pub const IMAGE_SIZE: Range<u64> = whole(1, 1024);
/// Classes of a conditional set-up.
pub const CLASSES: Range<u64> = whole(1, 10_000);
/// CPU threads.
pub const THREADS: Range<u64> = whole(1, 1024);
/// Epochs of a run.
pub const EPOCHS: Range<u64> = whole(1, 1_000_000);
/// Iterations of a run, and intervals in iterations.
pub const ITERATIONS: Range<u64> = whole(1, u32::MAX as u64);
/// Iterations before a benchmark.
pub const WARMUP: Range<u64> = whole(0, 1_000_000);
/// The most images of one `sample`.
pub const MOST_SAMPLES: u64 = 100_000;
/// Images of one `sample`.
pub const SAMPLES: Range<u64> = whole(1, MOST_SAMPLES);
/// Images of one `evaluate`.
pub const EVALUATED: Range<u64> = whole(10, MOST_SAMPLES);
/// Images from one seed's to another's.
pub const STEPS: Range<u64> = whole(2, 1000);
/// Frames of an animation.
pub const FRAMES: Range<u64> = whole(2, 10_000);
/// Its frames a second: browsers slow down what is shown for less than a fiftieth.
pub const FRAMES_PER_SECOND: Range<u64> = whole(1, 50);
/// Seeds: what a whole number in TOML can be.
pub const SEED: Range<u64> = whole(0, i64::MAX as u64);
/// Adam's learning rate.
pub const LEARNING_RATE: Range<f64> = Range(Included(1e-12), Included(1000.0));
/// A number that is added so that nothing is divided by zero.
pub const EPSILON: Range<f64> = Range(Included(1e-12), Included(1000.0));
/// A factor of a loss.
pub const FACTOR: Range<f64> = Range(Included(1e-6), Included(1e6));
/// The standard deviation of weights.
pub const DEVIATION: Range<f64> = Range(Excluded(0.0), Included(1e6));
/// Decays, and shares of what is dropped.
pub const SHARE: Range<f64> = Range(Included(0.0), Excluded(1.0));
/// Slopes, and shares of what is new.
pub const POSITIVE_SHARE: Range<f64> = Range(Excluded(0.0), Included(1.0));

const fn whole(least: u64, most: u64) -> Range<u64> {
    Range(Included(least), Included(most))
}

impl<T: PartialOrd> Range<T> {
    /// Whether a number lies in it; NaN lies in none.
    pub fn holds(self, number: T) -> bool {
        (self.0, self.1).contains(&number)
    }
}

/// "a whole number from 1 to 1,000,000".
impl fmt::Display for Range<u64> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a whole number ")?;
        ends(self, grouped, f)
    }
}

/// "a number from 0 to below 1".
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
    let Range(least, most) = *range;
    let [from, to] = match (least, most) {
        (Excluded(_), Included(_)) => ["above", "and at most"],
        (_, Excluded(_)) => ["from", "to below"],
        _ => ["from", "to"],
    };
    let end = |bound| match bound {
        Included(end) | Excluded(end) => text(end),
        Bound::Unbounded => "anything".to_owned(),
    };
    write!(f, "{from} {} {to} {}", end(least), end(most))
}

/// A value that nobody may choose.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{key} is {value}, but must be {expected}")]
pub struct OutOfRange {
    /// The key in a TOML file, as `gan.batch_size`.
    pub key: &'static str,
    /// What stands there.
    pub value: String,
    /// What may stand there, in words.
    pub expected: String,
}

impl OutOfRange {
    /// With value and expectation in words.
    pub fn new(key: &'static str, value: impl fmt::Display, expected: impl fmt::Display) -> Self {
        Self { key, value: value.to_string(), expected: expected.to_string() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_said_in_words() {
        assert_eq!(EXTENT.to_string(), "a whole number from 1 to 1,000,000");
        assert_eq!(LEARNING_RATE.to_string(), "a number from 1e-12 to 1,000");
        assert_eq!(FACTOR.to_string(), "a number from 1e-6 to 1,000,000");
        assert_eq!(SHARE.to_string(), "a number from 0 to below 1");
        assert_eq!(POSITIVE_SHARE.to_string(), "a number above 0 and at most 1");
    }

    #[test]
    fn ranges_hold_their_ends_or_not_and_never_what_is_no_number() {
        assert!(EXTENT.holds(1) && EXTENT.holds(1_000_000));
        assert!(!EXTENT.holds(0) && !EXTENT.holds(1_000_001));
        assert!(SHARE.holds(0.0) && !SHARE.holds(1.0));
        assert!(!POSITIVE_SHARE.holds(0.0) && POSITIVE_SHARE.holds(1.0));
        for range in [LEARNING_RATE, EPSILON, FACTOR, SHARE, POSITIVE_SHARE] {
            assert!(![f64::NAN, f64::INFINITY, -1.0].into_iter().any(|x| range.holds(x)));
        }
    }
}

//! A device's place among those that train together.

use std::ops::Range;

/// A device's place among those that train the same networks together, each on its part of every batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ranks {
    /// This device's number, from 0.
    pub rank: usize,
    /// The number of devices.
    pub size: usize,
}

impl Ranks {
    /// A device that trains alone.
    pub const ALONE: Self = Self { rank: 0, size: 1 };

    /// Whether it trains alone.
    pub fn alone(self) -> bool {
        self.size == 1
    }

    /// This rank's share of `count` things: the ranks' shares follow each other, and their lengths
    /// differ by one at most.
    pub fn share(self, count: usize) -> Range<usize> {
        let end_of = |ranks: usize| count * ranks / self.size;
        end_of(self.rank)..end_of(self.rank + 1)
    }

    /// The length of the largest share.
    pub fn largest_share(self, count: usize) -> usize {
        count.div_ceil(self.size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_follow_each_other_and_are_of_nearly_the_same_length() {
        for size in 1..9 {
            for count in 0..40 {
                let mut end = 0;
                for rank in 0..size {
                    let ranks = Ranks { rank, size };
                    let share = ranks.share(count);
                    assert_eq!(share.start, end);
                    assert!(
                        share.len() == count / size || share.len() == ranks.largest_share(count)
                    );
                    end = share.end;
                }
                assert_eq!(end, count);
            }
        }
    }
}

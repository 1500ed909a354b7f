//! Precision and recall, density and coverage, from nearest neighbours.
//!
//! The ball (neighbourhood) of a point reaches to its k-th nearest neighbour in its own set, k = 5,
//! not counting the point itself. Points at exactly this distance are outside.
//!
//! - precision: the fraction of the sample inside any ball of the reference. Do generated images
//!   look like real ones?
//! - recall: the fraction of the reference inside any ball of the sample. Are all kinds of real
//!   images generated?
//! - density: the mean number of balls of the reference that contain a point of the sample, divided
//!   by k. Like precision, but outliers of the reference, which have large balls, count less. It is
//!   about 1 for real images, and more for images crowded where real images are dense.
//! - coverage: the fraction of the reference's balls that contain a point of the sample. Like
//!   recall, but with the balls of the reference, so that outliers of the sample do not count.
//!
//! Precision, recall and coverage are in 0 … 1, density is at least 0; higher is better. A sample
//! of the same size and distribution as the reference does not reach 1, so compare with the scores
//! of real images.
//!
//! Sources: precision and recall [Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991),
//! density and coverage [Naeem et al. 2020](https://arxiv.org/abs/2002.09797), all as defined in
//! their [prdc](https://pypi.org/project/prdc/).

use std::ops::Range;

use super::Points;
use super::pair_filter::PairFilter;
use super::pairs::{self, Tile};

/// k: a ball reaches to its k-th nearest neighbour.
pub const NEIGHBORS: usize = 5;

/// The reference points, and the radii of their balls.
pub struct Reference<'a> {
    points: Points<'a>,
    squared_radii: Vec<f64>,
}

/// Precision, recall, density and coverage of a sample.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbors {
    /// Fraction of the sample inside any ball of the reference.
    pub precision: f64,
    /// Fraction of the reference inside any ball of the sample.
    pub recall: f64,
    /// Mean number of balls of the reference that contain a point of the sample, divided by k.
    pub density: f64,
    /// Fraction of the reference's balls that contain a point of the sample.
    pub coverage: f64,
}

impl<'a> Reference<'a> {
    /// Computes the balls of the reference points.
    ///
    /// # Panics
    /// When there are not more than [`NEIGHBORS`] points.
    pub fn new(points: Points<'a>, threads: usize) -> Self {
        Self { points, squared_radii: squared_radii(points, threads) }
    }

    /// Compares a sample with the reference.
    ///
    /// # Panics
    /// When the sample does not have more than [`NEIGHBORS`] points, or other dimensions.
    pub fn compare(&self, sample: Points<'_>, threads: usize) -> Neighbors {
        let comparison = Comparison {
            reference_balls: PairFilter::with_radii(sample, self.points, |j| self.squared_radii[j]),
            sample_balls: PairFilter::new(sample, self.points),
            sample_radii: &squared_radii(sample, threads),
            reference_radii: &self.squared_radii,
        };
        let blocks = pairs::fold(
            (sample, self.points),
            threads,
            |rows| Containment::new(rows, self.points.len()),
            |containment, tile| comparison.add(containment, &tile),
        );
        let empty = Containment::new(0..0, self.points.len());
        let all = blocks.into_iter().fold(empty, Containment::joined);
        Neighbors {
            precision: fraction(&all.balls, |balls| balls > 0),
            recall: fraction(&all.recalled, |recalled| recalled),
            density: all.balls.iter().sum::<usize>() as f64 / (sample.len() * NEIGHBORS) as f64,
            coverage: fraction(&all.covered, |covered| covered),
        }
    }
}

fn fraction<T: Copy>(all: &[T], is: impl Fn(T) -> bool) -> f64 {
    all.iter().filter(|&&one| is(one)).count() as f64 / all.len() as f64
}

/// The squared distance of each point to its k-th nearest neighbour in the same set.
fn squared_radii(points: Points<'_>, threads: usize) -> Vec<f64> {
    assert!(points.len() > NEIGHBORS, "{} points, which have too few neighbours", points.len());
    let filter = PairFilter::new(points, points);
    let nearest = pairs::fold(
        (points, points),
        threads,
        |rows| vec![[f64::INFINITY; NEIGHBORS]; rows.len()],
        |nearest, tile| {
            for (i, nearest) in tile.rows.clone().zip(nearest) {
                filter.for_each_candidate(&tile, i, nearest[NEIGHBORS - 1], |j, _| {
                    // If the k-th distance is 0, as for equal points, none can be smaller.
                    if i != j && nearest[NEIGHBORS - 1] > 0.0 {
                        insert(nearest, filter.squared_distance(i, j));
                    }
                    nearest[NEIGHBORS - 1]
                });
            }
        },
    );
    nearest.concat().iter().map(|nearest| nearest[NEIGHBORS - 1]).collect()
}

/// Inserts a distance into the sorted list of the smallest, if it is one of them.
fn insert(smallest: &mut [f64; NEIGHBORS], distance: f64) {
    let i = smallest.partition_point(|&other| other <= distance);
    if i < NEIGHBORS {
        smallest[i..].rotate_right(1);
        smallest[i] = distance;
    }
}

/// Compares a sample (rows of tiles) with a reference (columns of tiles).
struct Comparison<'a> {
    /// Finds pairs where the sample's point may be in the ball of the reference's point.
    reference_balls: PairFilter<'a, f32>,
    /// Finds pairs where the reference's point may be in the ball of the sample's point.
    sample_balls: PairFilter<'a, f32>,
    /// Squared.
    sample_radii: &'a [f64],
    /// Squared.
    reference_radii: &'a [f64],
}

/// Which points are inside which balls, for a block of the sample.
struct Containment {
    /// Index of the block's first point.
    first: usize,
    /// For each point of the block, the number of reference balls that contain it.
    balls: Vec<usize>,
    /// For each reference ball, whether it contains a point of the block.
    covered: Vec<bool>,
    /// For each reference point, whether it is inside a ball of the block.
    recalled: Vec<bool>,
}

impl Containment {
    fn new(block: Range<usize>, reference: usize) -> Self {
        let none = || vec![false; reference];
        Self { first: block.start, balls: vec![0; block.len()], covered: none(), recalled: none() }
    }

    /// Appends the next block.
    fn joined(mut self, next: Self) -> Self {
        let join = |ours: &mut [bool], theirs: &[bool]| {
            ours.iter_mut().zip(theirs).for_each(|(ours, theirs)| *ours |= theirs);
        };
        self.balls.extend(next.balls);
        join(&mut self.covered, &next.covered);
        join(&mut self.recalled, &next.recalled);
        self
    }
}

impl Comparison<'_> {
    fn add(&self, found: &mut Containment, tile: &Tile<'_>) {
        for i in tile.rows.clone() {
            self.reference_balls.for_each_candidate(tile, i, 0.0, |j, limit| {
                if self.reference_balls.squared_distance(i, j) < self.reference_radii[j] {
                    found.balls[i - found.first] += 1;
                    found.covered[j] = true;
                }
                limit
            });
            let radius = self.sample_radii[i];
            self.sample_balls.for_each_candidate(tile, i, radius, |j, _| {
                // Points that are recalled already need no distance.
                found.recalled[j] |=
                    !found.recalled[j] && self.sample_balls.squared_distance(i, j) < radius;
                radius
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(from: i32, to: i32) -> Vec<f32> {
        (from..to).map(|x| x as f32).collect()
    }

    #[test]
    fn radius_is_the_distance_to_the_fifth_neighbour_besides_the_point_itself() {
        let radii = squared_radii(Points::new(&line(0, 20), 1), 1);
        // At the end, five steps to one side; in the middle, two steps to each side and a third.
        assert_eq!((radii[0], radii[1], radii[10]), (25.0, 16.0, 9.0));
    }

    #[test]
    fn points_on_the_surface_of_a_ball_are_outside() {
        let reference = line(0, 20);
        let reference = Reference::new(Points::new(&reference, 1), 1);
        // The ball of 19 reaches five steps to the left, and so five steps to the right.
        let outside = reference.compare(Points::new(&line(24, 34), 1), 1);
        assert_eq!((outside.precision, outside.density, outside.coverage), (0.0, 0.0, 0.0));
        let inside = reference.compare(Points::new(&line(23, 33), 1), 1);
        assert_eq!((inside.precision, inside.density, inside.coverage), (0.1, 0.02, 0.05));
    }

    #[test]
    fn sample_equal_to_the_reference_has_perfect_scores() {
        let numbers = line(0, 40);
        let points = Points::new(&numbers, 1);
        let same = Reference::new(points, 1).compare(points, 1);
        assert_eq!((same.precision, same.recall, same.coverage), (1.0, 1.0, 1.0));
        // In the middle, a ball of radius 3 contains two points on each side and the point itself.
        assert!((1.0..1.1).contains(&same.density), "{same:?}");
    }

    #[test]
    fn balls_of_equal_points_are_empty() {
        let (many, one) = (vec![3.3; 2 * 100], [3.3; 2 * 6]);
        let reference = Reference::new(Points::new(&many, 2), 1);
        let same = reference.compare(Points::new(&one, 2), 1);
        assert_eq!(same, Neighbors { precision: 0.0, recall: 0.0, density: 0.0, coverage: 0.0 });
    }

    #[test]
    fn distances_below_the_resolution_of_f32_dot_products_are_exact() {
        // Steps of 2⁻⁹ at 10⁴, whose squares are about 10⁸.
        let far = |from, to| line(from, to).iter().map(|x| 1e4 + x / 512.0).collect::<Vec<_>>();
        let reference = far(0, 20);
        let reference = Reference::new(Points::new(&reference, 1), 1);
        let sample = far(23, 33);
        let found = reference.compare(Points::new(&sample, 1), 1);
        assert_eq!((found.precision, found.density, found.coverage), (0.1, 0.02, 0.05));
    }
}

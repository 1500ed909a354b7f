//! Precision and recall, density and coverage: who lies among whose neighbours.
//!
//! A point's ball reaches to its k-th nearest neighbour of its own set, k = 5, the point itself not
//! counted; inside is what is nearer than that, not what is as far.
//!
//! - precision: the share of the sample inside any ball of the reference. Are the images like real ones?
//! - recall: the share of the reference inside any ball of the sample. Are real ones like them?
//! - density: how many balls of the reference a point of the sample is in, divided by k. As precision,
//!   but outliers of the reference, whose balls are large, count for less; for real images it is
//!   about 1, and for images crowded where real ones are dense it is more.
//! - coverage: the share of the reference's balls with a point of the sample inside. As recall, but by
//!   the balls of real images, which outliers of the sample cannot make large.
//!
//! Precision, recall and coverage lie in 0 … 1, density is at least 0; all are the better the higher.
//! A sample of the same size and distribution as the reference does not reach 1: compare with what
//! real images get.
//!
//! Sources: precision and recall [Kynkäänniemi et al. 2019](https://arxiv.org/abs/1904.06991), density and
//! coverage [Naeem et al. 2020](https://arxiv.org/abs/2002.09797), all as defined in their
//! [prdc](https://pypi.org/project/prdc/).

use std::ops::Range;

use super::Points;
use super::pairs::{self, Tile};
use super::screen::Screen;

/// k, which neighbour a ball reaches to.
pub const NEIGHBORS: usize = 5;

/// Points that samples are compared with, and how far their balls reach.
pub struct Reference<'a> {
    points: Points<'a>,
    /// Squared.
    radii: Vec<f64>,
}

/// How a sample lies in a reference, and the other way round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbors {
    /// Share of the sample inside any ball of the reference.
    pub precision: f64,
    /// Share of the reference inside any ball of the sample.
    pub recall: f64,
    /// Balls of the reference around a point of the sample, divided by k.
    pub density: f64,
    /// Share of the reference's balls with a point of the sample inside.
    pub coverage: f64,
}

impl<'a> Reference<'a> {
    /// The balls of these points.
    ///
    /// # Panics
    /// When there are no more than [`NEIGHBORS`] points.
    pub fn new(points: Points<'a>, threads: usize) -> Self {
        Self { points, radii: squared_radii(points, threads) }
    }

    /// How a sample lies among these points.
    ///
    /// # Panics
    /// When it has no more than [`NEIGHBORS`] points, or points of another space.
    pub fn compare(&self, sample: Points<'_>, threads: usize) -> Neighbors {
        let comparison = Comparison {
            reaching: Screen::reaching(sample, self.points, |j| self.radii[j]),
            plain: Screen::new(sample, self.points),
            sample_radii: &squared_radii(sample, threads),
            reference_radii: &self.radii,
        };
        let found = pairs::fold(
            (sample, self.points),
            threads,
            |rows| Found::new(rows, self.points.len()),
            |found, tile| comparison.add(found, &tile),
        );
        let found = found.into_iter().fold(Found::new(0..0, self.points.len()), Found::joined);
        Neighbors {
            precision: share(&found.balls, |balls| balls > 0),
            recall: share(&found.recalled, |recalled| recalled),
            density: found.balls.iter().sum::<usize>() as f64 / (sample.len() * NEIGHBORS) as f64,
            coverage: share(&found.covered, |covered| covered),
        }
    }
}

fn share<T: Copy>(all: &[T], is: impl Fn(T) -> bool) -> f64 {
    all.iter().filter(|&&one| is(one)).count() as f64 / all.len() as f64
}

/// For each point the squared distance to the k-th nearest of the others.
fn squared_radii(points: Points<'_>, threads: usize) -> Vec<f64> {
    assert!(points.len() > NEIGHBORS, "{} points, which have too few neighbours", points.len());
    let screen = Screen::new(points, points);
    let nearest = pairs::fold(
        (points, points),
        threads,
        |rows| vec![[f64::INFINITY; NEIGHBORS]; rows.len()],
        |nearest, tile| {
            for (i, nearest) in tile.rows.clone().zip(nearest) {
                screen.near(&tile, i, nearest[NEIGHBORS - 1], |j, _| {
                    // No distance is less than 0, which spares points that are all equal the work.
                    if i != j && nearest[NEIGHBORS - 1] > 0.0 {
                        insert(nearest, screen.squared_distance(i, j));
                    }
                    nearest[NEIGHBORS - 1]
                });
            }
        },
    );
    nearest.concat().iter().map(|nearest| nearest[NEIGHBORS - 1]).collect()
}

/// Puts a distance in its place among the smallest, of which the largest goes.
fn insert(smallest: &mut [f64; NEIGHBORS], distance: f64) {
    let place = smallest.partition_point(|&other| other <= distance);
    if place < NEIGHBORS {
        smallest[place..].rotate_right(1);
        smallest[place] = distance;
    }
}

/// A sample, on the left of tiles, and a reference, on their right.
struct Comparison<'a> {
    /// The screen for balls of the reference, which reach out to the sample.
    reaching: Screen<'a, f32>,
    /// The screen for balls of the sample.
    plain: Screen<'a, f32>,
    sample_radii: &'a [f64],
    reference_radii: &'a [f64],
}

/// What is inside what, of a block of the sample.
struct Found {
    /// The block's first point.
    first: usize,
    /// How many balls of the reference each point of the block is in.
    balls: Vec<usize>,
    /// Whether each ball of the reference has a point of the block inside.
    covered: Vec<bool>,
    /// Whether each point of the reference is inside a ball of the block.
    recalled: Vec<bool>,
}

impl Found {
    fn new(block: Range<usize>, reference: usize) -> Self {
        let none = || vec![false; reference];
        Self { first: block.start, balls: vec![0; block.len()], covered: none(), recalled: none() }
    }

    /// With the block behind.
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
    fn add(&self, found: &mut Found, tile: &Tile<'_>) {
        for i in tile.rows.clone() {
            self.reaching.near(tile, i, 0.0, |j, limit| {
                if self.reaching.squared_distance(i, j) < self.reference_radii[j] {
                    found.balls[i - found.first] += 1;
                    found.covered[j] = true;
                }
                limit
            });
            let radius = self.sample_radii[i];
            self.plain.near(tile, i, radius, |j, _| {
                // Once is enough: large balls have many inside.
                found.recalled[j] |=
                    !found.recalled[j] && self.plain.squared_distance(i, j) < radius;
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
    fn radius_reaches_to_the_fifth_neighbour_without_the_point_itself() {
        let radii = squared_radii(Points::new(&line(0, 20), 1), 1);
        // At the end five steps to one side; in the middle two on each side, then a third.
        assert_eq!((radii[0], radii[1], radii[10]), (25.0, 16.0, 9.0));
    }

    #[test]
    fn points_on_the_edge_of_a_ball_are_outside() {
        let reference = line(0, 20);
        let reference = Reference::new(Points::new(&reference, 1), 1);
        // From 19 five steps to the left, and so as many to the right.
        let outside = reference.compare(Points::new(&line(24, 34), 1), 1);
        assert_eq!((outside.precision, outside.density, outside.coverage), (0.0, 0.0, 0.0));
        let inside = reference.compare(Points::new(&line(23, 33), 1), 1);
        assert_eq!((inside.precision, inside.density, inside.coverage), (0.1, 0.02, 0.05));
    }

    #[test]
    fn sample_of_the_reference_itself_has_all_of_it() {
        let numbers = line(0, 40);
        let points = Points::new(&numbers, 1);
        let same = Reference::new(points, 1).compare(points, 1);
        assert_eq!((same.precision, same.recall, same.coverage), (1.0, 1.0, 1.0));
        // In the middle balls of radius 3 hold two on each side and the point itself.
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
    fn distances_that_single_precision_loses_are_told_apart() {
        // Steps of 2⁻⁹ at 10⁴, whose squares are at 10⁸.
        let far = |from, to| line(from, to).iter().map(|x| 1e4 + x / 512.0).collect::<Vec<_>>();
        let reference = far(0, 20);
        let reference = Reference::new(Points::new(&reference, 1), 1);
        let sample = far(23, 33);
        let found = reference.compare(Points::new(&sample, 1), 1);
        assert_eq!((found.precision, found.density, found.coverage), (0.1, 0.02, 0.05));
    }
}

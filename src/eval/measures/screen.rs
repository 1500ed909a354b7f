//! Which pairs of points are near enough to be looked at.
//!
//! |x − y|² = |x|² + |y|² − 2 x·y needs one product, but where x and y are near each other it is a small
//! difference of large numbers. So it only sorts out pairs that are too far apart whatever was
//! rounded; the distance of the few others is that of their differences, in double precision. No
//! result depends on how products were rounded.

use super::pairs::Tile;
use super::{Coordinate, Points};

/// Products that are looked at together: mostly none of them is of near points.
const TOGETHER: usize = 32;

/// Sorts out pairs of points, from tiles of products.
pub struct Screen<'a, T> {
    points: [Points<'a, T>; 2],
    /// (1 − slack) · |x|² for each point on the left.
    rows: Vec<f32>,
    /// (1 − slack) · |y|² − reach for each point on the right.
    columns: Vec<f32>,
}

impl<'a, T: Coordinate> Screen<'a, T> {
    /// A screen for tiles of these two.
    pub fn new(a: Points<'a, T>, b: Points<'a, T>) -> Self {
        Self::reaching(a, b, |_| 0.0)
    }

    /// The same where each point of `b` reaches out, so far that a squared distance counts for that
    /// much less.
    pub fn reaching(a: Points<'a, T>, b: Points<'a, T>, reach: impl Fn(usize) -> f64) -> Self {
        // A sum of d products is within d · u · (|x|² + |y|²) / 2 of the exact one, with u = ε / 2, and it
        // counts twice; some ten roundings come with it. This is twice of all that.
        let slack = (a.dimensions() + 16) as f64 * f64::from(f32::EPSILON);
        let square = |x: &[T]| (1.0 - slack) * T::squared_norm(x);
        let rows = a.iter().map(|x| square(x) as f32).collect();
        let columns = b.iter().enumerate().map(|(j, y)| (square(y) - reach(j)) as f32).collect();
        Self { points: [a, b], rows, columns }
    }

    /// Calls `look` with the number of each point on the right whose squared distance from point `i` on
    /// the left, less its reach, may be at most `limit`, and with the limit; `look` gives that for the points to
    /// come. The last one is returned.
    pub fn near(
        &self,
        tile: &Tile<'_>,
        i: usize,
        mut limit: f64,
        mut look: impl FnMut(usize, f64) -> f64,
    ) -> f64 {
        let columns = &self.columns[tile.columns.clone()];
        let together = tile.row(i).chunks(TOGETHER).zip(columns.chunks(TOGETHER));
        for (n, (products, columns)) in together.enumerate() {
            let mut bound = self.bound(i, limit);
            let pairs = || products.iter().zip(columns);
            // Counted, since that compiles to vector instructions.
            if pairs().map(|pair| u32::from(may_be_near(pair, bound))).sum::<u32>() == 0 {
                continue;
            }
            let first = tile.columns.start + n * TOGETHER;
            for (j, pair) in (first..).zip(pairs()) {
                if may_be_near(pair, bound) {
                    limit = look(j, limit);
                    bound = self.bound(i, limit);
                }
            }
        }
        limit
    }

    /// The squared distance of point `i` on the left and point `j` on the right.
    pub fn squared_distance(&self, i: usize, j: usize) -> f64 {
        let [a, b] = self.points;
        T::squared_distance(a.row(i), b.row(j))
    }

    fn bound(&self, i: usize, limit: f64) -> f32 {
        (limit - f64::from(self.rows[i])) as f32
    }
}

/// Whether (1 − slack) · |y|² − reach − 2 x·y is at most the bound. It is if it is not a number, from
/// products beyond the range of single precision.
#[allow(clippy::neg_cmp_op_on_partial_ord)]
fn may_be_near((&product, &column): (&f32, &f32), bound: f32) -> bool {
    !(column - 2.0 * product > bound)
}

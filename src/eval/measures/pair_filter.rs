//! Rules out pairs of points that are too far apart, from their dot products.
//!
//! |x − y|² = |x|² + |y|² − 2 x·y needs only a dot product, but suffers from cancellation if x and y are
//! near each other. So it is only used as a lower bound, with a margin for all rounding errors, to
//! rule out pairs. The distance of the few candidates that remain is computed from differences of
//! coordinates in double precision, so no result depends on the rounding of dot products.

use super::pairs::Tile;
use super::{Coordinate, Points};

/// Pairs in a block. Most blocks contain no candidate and are skipped as a whole.
const BLOCK: usize = 32;

/// Finds pairs of points that may be near each other, from tiles of dot products.
pub struct PairFilter<'a, T> {
    points: [Points<'a, T>; 2],
    /// (1 − margin) · |x|² for each point of the rows.
    rows: Vec<f32>,
    /// (1 − margin) · |y|² − squared radius for each point of the columns.
    columns: Vec<f32>,
}

impl<'a, T: Coordinate> PairFilter<'a, T> {
    /// A filter for tiles with the points of `a` as rows and those of `b` as columns.
    pub fn new(a: Points<'a, T>, b: Points<'a, T>) -> Self {
        Self::with_radii(a, b, |_| 0.0)
    }

    /// A filter that subtracts the squared radius of each point of `b` from its squared distances.
    pub fn with_radii(
        a: Points<'a, T>,
        b: Points<'a, T>,
        squared_radius: impl Fn(usize) -> f64,
    ) -> Self {
        // A dot product of d terms has an error of at most d · u · (|x|² + |y|²) / 2, with u = ε /
        // 2. It enters twice, and there are about ten more roundings. This margin is twice the sum.
        let margin = (a.dimensions() + 16) as f64 * f64::from(f32::EPSILON);
        let square = |x: &[T]| (1.0 - margin) * T::squared_norm(x);
        let rows = a.iter().map(|x| square(x) as f32).collect();
        let column = |(j, y)| (square(y) - squared_radius(j)) as f32;
        let columns = b.iter().enumerate().map(column).collect();
        Self { points: [a, b], rows, columns }
    }

    /// Calls `visit(j, limit)` for each point j of the columns whose squared distance from point
    /// `i` of the rows, minus the squared radius of j, may be at most `limit`. `visit` returns the
    /// limit for the following points. Returns the last limit.
    pub fn for_each_candidate(
        &self,
        tile: &Tile<'_>,
        i: usize,
        mut limit: f64,
        mut visit: impl FnMut(usize, f64) -> f64,
    ) -> f64 {
        let columns = &self.columns[tile.columns.clone()];
        for (n, products) in tile.row(i).chunks(BLOCK).enumerate() {
            let columns = &columns[n * BLOCK..][..products.len()];
            let mut bound = self.bound(i, limit);
            // A sum compiles to vector instructions, unlike `any`.
            let near = |k| u32::from(may_be_near(products[k], columns[k], bound));
            if (0..products.len()).map(near).sum::<u32>() == 0 {
                continue;
            }
            for k in 0..products.len() {
                if may_be_near(products[k], columns[k], bound) {
                    limit = visit(tile.columns.start + n * BLOCK + k, limit);
                    bound = self.bound(i, limit);
                }
            }
        }
        limit
    }

    /// The squared distance between point `i` of the rows and point `j` of the columns.
    pub fn squared_distance(&self, i: usize, j: usize) -> f64 {
        let [a, b] = self.points;
        T::squared_distance(a.row(i), b.row(j))
    }

    fn bound(&self, i: usize, limit: f64) -> f32 {
        (limit - f64::from(self.rows[i])) as f32
    }
}

/// Whether (1 − margin) · |y|² − squared radius − 2 x·y is at most `bound`. True for NaN, which
/// comes from dot products beyond the range of `f32`.
#[allow(clippy::neg_cmp_op_on_partial_ord)]
#[inline(always)]
fn may_be_near(product: f32, column: f32, bound: f32) -> bool {
    !(column - 2.0 * product > bound)
}

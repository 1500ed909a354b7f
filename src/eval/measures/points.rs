//! Points, and the distances between them.

use std::ops::Range;

/// A matrix of points, a row for each: features of images, or the bytes of the images themselves.
#[derive(Clone, Copy, Debug)]
pub struct Points<'a, T = f32> {
    numbers: &'a [T],
    dimensions: usize,
}

impl<'a, T: Coordinate> Points<'a, T> {
    /// Points with `dimensions` coordinates each.
    ///
    /// # Panics
    /// When the last row is incomplete, or a number is not finite.
    pub fn new(numbers: &'a [T], dimensions: usize) -> Self {
        assert!(dimensions > 0 && numbers.len().is_multiple_of(dimensions), "an incomplete row");
        assert!(numbers.iter().all(|x| x.to_f64().is_finite()), "a number that is not finite");
        Self { numbers, dimensions }
    }

    /// The number of points.
    pub fn len(&self) -> usize {
        self.numbers.len() / self.dimensions
    }

    /// Whether there are no points.
    pub fn is_empty(&self) -> bool {
        self.numbers.is_empty()
    }

    /// The number of coordinates of a point.
    pub fn dimensions(&self) -> usize {
        self.dimensions
    }

    /// The coordinates of point `i`.
    pub fn row(&self, i: usize) -> &'a [T] {
        self.rows(i..i + 1)
    }

    /// All points in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &'a [T]> + use<'a, T> {
        self.numbers.chunks_exact(self.dimensions)
    }

    /// The coordinates of a range of points.
    pub(super) fn rows(&self, rows: Range<usize>) -> &'a [T] {
        &self.numbers[rows.start * self.dimensions..rows.end * self.dimensions]
    }
}

/// A type for the coordinates of points.
pub trait Coordinate: Copy + Send + Sync {
    /// Converts to double precision.
    fn to_f64(self) -> f64;

    /// Converts to single precision, using `buffer` if needed.
    fn to_f32<'a>(numbers: &'a [Self], buffer: &'a mut Vec<f32>) -> &'a [f32];

    /// Σ (x − y)², from the differences: 0 for equal points, and without the cancellation of
    /// |x|² + |y|² − 2 x·y.
    fn squared_distance(x: &[Self], y: &[Self]) -> f64;

    /// Σ x².
    fn squared_norm(x: &[Self]) -> f64 {
        x.iter().map(|x| x.to_f64().powi(2)).sum()
    }
}

impl Coordinate for f32 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn to_f32<'a>(numbers: &'a [f32], _: &'a mut Vec<f32>) -> &'a [f32] {
        numbers
    }

    /// With partial sums, so that the compiler uses vector instructions.
    fn squared_distance(x: &[f32], y: &[f32]) -> f64 {
        const LANES: usize = 8;
        let square = |x: f32, y: f32| (f64::from(x) - f64::from(y)).powi(2);
        let (xs, x_rest) = x.as_chunks::<LANES>();
        let (ys, y_rest) = y.as_chunks::<LANES>();
        let mut sums = [0.0; LANES];
        for i in 0..xs.len() {
            for lane in 0..LANES {
                sums[lane] += square(xs[i][lane], ys[i][lane]);
            }
        }
        let rest: f64 = (0..x_rest.len()).map(|i| square(x_rest[i], y_rest[i])).sum();
        sums.iter().sum::<f64>() + rest
    }
}

impl Coordinate for u8 {
    fn to_f64(self) -> f64 {
        f64::from(self)
    }

    fn to_f32<'a>(numbers: &'a [u8], buffer: &'a mut Vec<f32>) -> &'a [f32] {
        buffer.clear();
        buffer.extend(numbers.iter().map(|&byte| f32::from(byte)));
        buffer
    }

    /// With integers, so it is exact.
    fn squared_distance(x: &[u8], y: &[u8]) -> f64 {
        // The sum of this many squares fits into 32 bits.
        const CHUNK: usize = 1 << 16;
        let square = |(&x, &y): (&u8, &u8)| u32::from(x.abs_diff(y)).pow(2);
        let sum = |(x, y): (&[u8], &[u8])| x.iter().zip(y).map(square).sum::<u32>();
        x.chunks(CHUNK).zip(y.chunks(CHUNK)).map(sum).map(u64::from).sum::<u64>() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_sums_of_squared_differences() {
        let x: Vec<f32> = (0..19).map(|i| i as f32).collect();
        let y: Vec<f32> = (0..19).map(|i| 2.0 * i as f32).collect();
        let want = (0..19).map(|i| f64::from(i * i)).sum::<f64>();
        assert_eq!(f32::squared_distance(&x, &y), want);
        assert_eq!(u8::squared_distance(&[0, 255, 7], &[255, 0, 5]), 2.0 * 65025.0 + 4.0);
        let (black, white) = (vec![0; 200_000], vec![255; 200_000]);
        assert_eq!(u8::squared_distance(&black, &white), 200_000.0 * 65025.0);
    }

    #[test]
    fn distance_of_near_points_far_from_the_origin_is_exact() {
        // In single precision both squared norms are 8e8, so their difference would be 0.
        let (x, y) = ([10_000.0_f32; 8], [10_000.001_f32; 8]);
        let step = f64::from(y[0]) - f64::from(x[0]);
        assert_eq!(f32::squared_distance(&x, &y), 8.0 * step * step);
        assert_eq!(f32::squared_distance(&x, &x), 0.0);
    }

    #[test]
    #[should_panic(expected = "not finite")]
    fn points_are_finite() {
        Points::new(&[0.0, f32::NAN], 1);
    }
}

//! The Winograd transforms of both tile sizes, F(7, 2) and F(4, 2), along one axis.
//!
//! The product of a polynomial of degree M − 1 and one of degree 1 is determined by its values at
//! N = M + 1 points, the last of them ∞, its highest coefficient. Transposing this algorithm gives M
//! outputs of a kernel with two elements by N multiplications instead of 2·M:
//! y = Aᵀ((G·w) ⊙ (Bᵀ·x)). A and G have a row for each point p: its powers, in G divided by Π (p − q),
//! the product over the other points q. A row of Bᵀ has the coefficients of Π (x − q).
//!
//! Points are 0, small numbers and their reciprocals, with either sign: this keeps rounding errors
//! small, and p and −p share intermediate results.
#![allow(unsafe_code)]
// Loops over constant indices unroll into registers; iterator chains did not always.
#![allow(clippy::needless_range_loop)]

use std::mem::MaybeUninit;
use std::ops::{Add, Sub};

/// The arithmetic of transforms: on numbers, or on vectors of them.
pub(super) trait Number: Copy + Add<Output = Self> + Sub<Output = Self> {
    fn times(self, factor: f64) -> Self;

    /// self + factor·other.
    fn plus(self, factor: f64, other: Self) -> Self;
}

/// The transforms of F(M, 2): M outputs by N points.
pub(super) trait Transform<const M: usize, const N: usize>: Copy + Send + Sync {
    /// Bᵀ·x.
    fn data<T: Number>(self, x: [T; N]) -> [T; N];
    /// B·v.
    fn data_transposed<T: Number>(self, v: [T; N]) -> [T; N];
    /// G·w.
    fn weights<T: Number>(self, w: [T; 2]) -> [T; N];
    /// Gᵀ·v.
    fn weights_transposed<T: Number>(self, v: [T; N]) -> [T; 2];
    /// Aᵀ·v.
    fn outputs<T: Number>(self, v: [T; N]) -> [T; M];
    /// A·y.
    fn outputs_transposed<T: Number>(self, y: [T; M]) -> [T; N];
}

/// F(7, 2): seven outputs, with the points 0, 1, −1, 2, −2, ½, −½, ∞.
#[derive(Clone, Copy)]
pub(super) struct F7;

impl Transform<7, 8> for F7 {
    #[inline(always)]
    fn data<T: Number>(self, x: [T; 8]) -> [T; 8] {
        let even = [
            (x[2] + x[6]).plus(-4.25, x[4]),
            x[6].plus(0.25, x[2]).plus(-1.25, x[4]),
            x[6].plus(4.0, x[2]).plus(-5.0, x[4]),
        ];
        let odd = [
            (x[1] + x[5]).plus(-4.25, x[3]),
            x[1].times(0.5).plus(-2.5, x[3]).plus(2.0, x[5]),
            x[5].times(0.5).plus(-2.5, x[3]).plus(2.0, x[1]),
        ];
        [
            (x[0] - x[6]).plus(5.25, x[4] - x[2]),
            even[0] + odd[0],
            even[0] - odd[0],
            even[1] + odd[1],
            even[1] - odd[1],
            even[2] + odd[2],
            even[2] - odd[2],
            (x[7] - x[1]).plus(5.25, x[3] - x[5]),
        ]
    }

    #[inline(always)]
    fn data_transposed<T: Number>(self, v: [T; 8]) -> [T; 8] {
        let (even, odd) = ([v[1] + v[2], v[3] + v[4], v[5] + v[6]], differences(v));
        [
            v[0],
            (odd[0] - v[7]).plus(0.5, odd[1]).plus(2.0, odd[2]),
            even[0].plus(-5.25, v[0]).plus(0.25, even[1]).plus(4.0, even[2]),
            v[7].times(5.25).plus(-4.25, odd[0]).plus(-2.5, odd[1] + odd[2]),
            v[0].times(5.25).plus(-4.25, even[0]).plus(-1.25, even[1]).plus(-5.0, even[2]),
            odd[0].plus(-5.25, v[7]).plus(2.0, odd[1]).plus(0.5, odd[2]),
            (even[0] - v[0]) + (even[1] + even[2]),
            v[7],
        ]
    }

    #[inline(always)]
    fn weights<T: Number>(self, w: [T; 2]) -> [T; 8] {
        let scaled = [w[0].times(-2.0 / 9.0), w[0].times(1.0 / 90.0), w[0].times(32.0 / 45.0)];
        [
            w[0],
            scaled[0].plus(-2.0 / 9.0, w[1]),
            scaled[0].plus(2.0 / 9.0, w[1]),
            scaled[1].plus(1.0 / 45.0, w[1]),
            scaled[1].plus(-1.0 / 45.0, w[1]),
            scaled[2].plus(16.0 / 45.0, w[1]),
            scaled[2].plus(-16.0 / 45.0, w[1]),
            w[1],
        ]
    }

    #[inline(always)]
    fn weights_transposed<T: Number>(self, v: [T; 8]) -> [T; 2] {
        let (even, odd) = ([v[1] + v[2], v[3] + v[4], v[5] + v[6]], differences(v));
        [
            v[0].plus(-2.0 / 9.0, even[0]).plus(1.0 / 90.0, even[1]).plus(32.0 / 45.0, even[2]),
            v[7].plus(-2.0 / 9.0, odd[0]).plus(1.0 / 45.0, odd[1]).plus(16.0 / 45.0, odd[2]),
        ]
    }

    #[inline(always)]
    fn outputs<T: Number>(self, v: [T; 8]) -> [T; 7] {
        let (even, odd) = ([v[1] + v[2], v[3] + v[4], v[5] + v[6]], differences(v));
        [
            (v[0] + even[0]) + (even[1] + even[2]),
            odd[0].plus(2.0, odd[1]).plus(0.5, odd[2]),
            even[0].plus(4.0, even[1]).plus(0.25, even[2]),
            odd[0].plus(8.0, odd[1]).plus(0.125, odd[2]),
            even[0].plus(16.0, even[1]).plus(0.0625, even[2]),
            odd[0].plus(32.0, odd[1]).plus(0.03125, odd[2]),
            (v[7] + even[0]).plus(64.0, even[1]).plus(0.015625, even[2]),
        ]
    }

    #[inline(always)]
    fn outputs_transposed<T: Number>(self, y: [T; 7]) -> [T; 8] {
        let even = [
            (y[0] + y[2]) + (y[4] + y[6]),
            y[0].plus(4.0, y[2]).plus(16.0, y[4]).plus(64.0, y[6]),
            y[0].plus(0.25, y[2]).plus(0.0625, y[4]).plus(0.015625, y[6]),
        ];
        let odd = [
            (y[1] + y[3]) + y[5],
            y[1].times(2.0).plus(8.0, y[3]).plus(32.0, y[5]),
            y[1].times(0.5).plus(0.125, y[3]).plus(0.03125, y[5]),
        ];
        [
            y[0],
            even[0] + odd[0],
            even[0] - odd[0],
            even[1] + odd[1],
            even[1] - odd[1],
            even[2] + odd[2],
            even[2] - odd[2],
            y[6],
        ]
    }
}

/// The differences of the values at each p and −p.
#[inline(always)]
fn differences<T: Number>(v: [T; 8]) -> [T; 3] {
    [v[1] - v[2], v[3] - v[4], v[5] - v[6]]
}

/// F(4, 2): four outputs, with the points 0, 1, −1, 2, ∞.
#[derive(Clone, Copy)]
pub(super) struct F4;

impl Transform<4, 5> for F4 {
    #[inline(always)]
    fn data<T: Number>(self, x: [T; 5]) -> [T; 5] {
        [
            (x[3] - x[1]).plus(2.0, x[0] - x[2]),
            (x[3] - x[2]).plus(-2.0, x[1]),
            x[3].plus(2.0, x[1]).plus(-3.0, x[2]),
            x[3] - x[1],
            (x[4] - x[2]).plus(2.0, x[1] - x[3]),
        ]
    }

    #[inline(always)]
    fn data_transposed<T: Number>(self, v: [T; 5]) -> [T; 5] {
        [
            v[0].times(2.0),
            (v[2] - v[1] + v[4]).times(2.0) - (v[0] + v[3]),
            v[0].times(-2.0).plus(-3.0, v[2]) - (v[1] + v[4]),
            ((v[0] + v[1]) + (v[2] + v[3])).plus(-2.0, v[4]),
            v[4],
        ]
    }

    #[inline(always)]
    fn weights<T: Number>(self, w: [T; 2]) -> [T; 5] {
        [
            w[0].times(0.5),
            (w[0] + w[1]).times(-0.5),
            (w[1] - w[0]).times(1.0 / 6.0),
            w[0].plus(2.0, w[1]).times(1.0 / 6.0),
            w[1],
        ]
    }

    #[inline(always)]
    fn weights_transposed<T: Number>(self, v: [T; 5]) -> [T; 2] {
        [
            (v[0] - v[1]).times(0.5).plus(1.0 / 6.0, v[3] - v[2]),
            v[4].plus(-0.5, v[1]).plus(1.0 / 6.0, v[2]).plus(1.0 / 3.0, v[3]),
        ]
    }

    #[inline(always)]
    fn outputs<T: Number>(self, v: [T; 5]) -> [T; 4] {
        let (even, odd) = (v[1] + v[2], v[1] - v[2]);
        [
            (v[0] + even) + v[3],
            odd.plus(2.0, v[3]),
            even.plus(4.0, v[3]),
            (odd + v[4]).plus(8.0, v[3]),
        ]
    }

    #[inline(always)]
    fn outputs_transposed<T: Number>(self, y: [T; 4]) -> [T; 5] {
        let (even, odd) = (y[0] + y[2], y[1] + y[3]);
        [y[0], even + odd, even - odd, y[0].plus(2.0, y[1]).plus(4.0, y[2]).plus(8.0, y[3]), y[3]]
    }
}

/// A transform along both axes: `read(row, column)` loads the input, `write(row, column, value)`
/// stores the result.
#[inline(always)]
pub(super) fn transform_2d<T: Number, const P: usize, const Q: usize>(
    read: impl Fn(usize, usize) -> T,
    along: impl Fn([T; P]) -> [T; Q],
    mut write: impl FnMut(usize, usize, T),
) {
    let mut columns = [[MaybeUninit::<T>::uninit(); Q]; P];
    for j in 0..P {
        let mut column = [read(0, j); P];
        for i in 1..P {
            column[i] = read(i, j);
        }
        let column = along(column);
        for i in 0..Q {
            columns[j][i].write(column[i]);
        }
    }
    for i in 0..Q {
        // SAFETY: all columns have been written.
        let mut row = [unsafe { columns[0][i].assume_init() }; P];
        for j in 1..P {
            // SAFETY: as above.
            row[j] = unsafe { columns[j][i].assume_init() };
        }
        let row = along(row);
        for j in 0..Q {
            write(i, j, row[j]);
        }
    }
}

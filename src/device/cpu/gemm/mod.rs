//! Matrix products.
//!
//! It owns `c = a · b` and `c += a · b` for strided views: for `f32` cache-blocked vector kernels,
//! shared by the team; for `f64`, the reference of the tests, a plain loop. Every element of `c` is
//! summed in the order of the depth, in pieces that follow from the extents alone: the same bits for
//! every number of threads.
//!
//! - `vector`: the vectors of each instruction set,
//! - `tile`: the loop that keeps a tile of the result in registers,
//! - `kernel`: its code for each instruction set, and the choice at run time,
//! - `rearrange`: squares transposed and rows copied by vectors,
//! - `pack`: operands brought together, as the tiles read them over and over,
//! - `blocks`: what the loops around the tile have in common,
//! - `straight` and `transposed`: those loops, for a right factor stored by rows or by columns.

use super::team::{Stripe, Team};

pub(super) mod blocks;
pub(super) mod kernel;
pub(super) mod operands;
pub(super) mod pack;
mod rearrange;
mod straight;
#[cfg(test)]
mod tests;
pub(super) mod tile;
mod transposed;
mod vector;

/// A matrix as a strided view: element (i, j) is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<T> Matrix<'_, T> {
    /// Whether every element lies within `data`.
    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }
}

/// Element types that have a matrix product.
pub(crate) trait Multiply: Copy + Send + Sync + 'static {
    /// `c = a · b`, or `c += a · b` with `accumulate`; c contiguous and row-major, shape (a.rows,
    /// b.columns). `finish` is called once for every block of columns as soon as it is complete, while
    /// it is still in the cache.
    fn multiply(
        team: &Team,
        c: &mut [Self],
        a: Matrix<Self>,
        b: Matrix<Self>,
        accumulate: bool,
        finish: impl Fn(&mut Stripe<'_, Self>) + Sync,
    );
}

/// Panics unless `c = a · b` makes sense.
fn check<T>(c: &[T], a: &Matrix<T>, b: &Matrix<T>) {
    assert_eq!(a.columns, b.rows, "inner extents of a product");
    assert_eq!(c.len(), a.rows * b.columns, "length of a product");
    assert!(a.fits() && b.fits(), "a factor reaches beyond its data");
}

impl Multiply for f64 {
    fn multiply(
        team: &Team,
        c: &mut [f64],
        a: Matrix<f64>,
        b: Matrix<f64>,
        accumulate: bool,
        finish: impl Fn(&mut Stripe<'_, f64>) + Sync,
    ) {
        check(c, &a, &b);
        if c.is_empty() {
            return;
        }
        team.stripes(c, b.columns, |mut stripe| {
            for i in 0..a.rows {
                let first = stripe.first_column();
                for (j, out) in stripe.row(i).iter_mut().enumerate() {
                    let sum = (0..a.columns).fold(0.0, |sum, p| {
                        sum + a.data[i * a.row_stride + p * a.column_stride]
                            * b.data[p * b.row_stride + (first + j) * b.column_stride]
                    });
                    *out = if accumulate { *out + sum } else { sum };
                }
            }
            finish(&mut stripe);
        });
    }
}

impl Multiply for f32 {
    fn multiply(
        team: &Team,
        c: &mut [f32],
        a: Matrix<f32>,
        b: Matrix<f32>,
        accumulate: bool,
        finish: impl Fn(&mut Stripe<'_, f32>) + Sync,
    ) {
        check(c, &a, &b);
        if c.is_empty() {
            return;
        }
        let product = blocks::Product::new(c, a, b, accumulate);
        // The right factor is mostly the weights: large, and used a.rows times only. Rows of it
        // are packed by copying; where it is stored transposed, packing would cost too much.
        if b.column_stride == 1 {
            product.straight(team, finish);
        } else {
            product.transposed(team, finish);
        }
    }
}

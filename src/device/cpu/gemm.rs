//! Matrix products.
#![allow(dead_code)]
use super::team::{Stripe, Team};

/// A matrix as a strided view: element (i, j) is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

/// Element types that have a matrix product.
pub(crate) trait Multiply: Copy + Send + Sync + 'static {
    /// `c = a · b`, c contiguous and row-major, shape (a.rows, b.columns). `finish` is called once for
    /// every block of columns as soon as it is complete, while it is still in the cache.
    fn multiply(
        team: &Team,
        c: &mut [Self],
        a: Matrix<Self>,
        b: Matrix<Self>,
        finish: impl Fn(&mut Stripe<'_, Self>) + Sync,
    );
}

fn reference<
    T: Copy + Send + Sync + Default + std::ops::Add<Output = T> + std::ops::Mul<Output = T>,
>(
    team: &Team,
    c: &mut [T],
    a: Matrix<T>,
    b: Matrix<T>,
    finish: impl Fn(&mut Stripe<'_, T>) + Sync,
) {
    team.stripes(c, b.columns, |mut stripe| {
        for i in 0..a.rows {
            let first = stripe.first_column();
            for (j, out) in stripe.row(i).iter_mut().enumerate() {
                *out = (0..a.columns).fold(T::default(), |sum, p| {
                    sum + a.data[i * a.row_stride + p * a.column_stride]
                        * b.data[p * b.row_stride + (first + j) * b.column_stride]
                });
            }
        }
        finish(&mut stripe);
    });
}

impl Multiply for f64 {
    fn multiply(
        team: &Team,
        c: &mut [f64],
        a: Matrix<f64>,
        b: Matrix<f64>,
        finish: impl Fn(&mut Stripe<'_, f64>) + Sync,
    ) {
        reference(team, c, a, b, finish);
    }
}

impl Multiply for f32 {
    fn multiply(
        team: &Team,
        c: &mut [f32],
        a: Matrix<f32>,
        b: Matrix<f32>,
        finish: impl Fn(&mut Stripe<'_, f32>) + Sync,
    ) {
        reference(team, c, a, b, finish);
    }
}

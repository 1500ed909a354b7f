//! Spectral normalization on the CPU.
//!
//! The products of weights and vectors are kept in w_bar until it is computed.

use super::simd::vectorized;
use super::{Cpu, CpuReal};
use crate::device::ops::{SPECTRAL_NORM_EPS, SpectralNorm, SpectralNormShape, contract};

/// Partial sums of a scalar product, for vectors.
const LANES: usize = 16;

impl<T: CpuReal> SpectralNorm for Cpu<T> {
    fn spectral_norm_forward(
        &self,
        w_bar: &mut [T],
        u: &mut [T],
        v: &mut [T],
        sigma: &mut [T],
        w: &[T],
        shape: SpectralNormShape,
        iterate: bool,
    ) {
        contract::spectral_norm_forward(&w_bar, &u, &v, &sigma, &w, shape);
        if iterate {
            let products = &mut w_bar[..shape.u_len()];
            self.multiply_vector(products, w, v, shape, !shape.transposed);
            normalize(u, products);
        }
        let products = &mut w_bar[..shape.v_len()];
        self.multiply_vector(products, w, u, shape, shape.transposed);
        if iterate {
            normalize(v, products);
        }
        let divisor = vectorized(
            #[inline(always)]
            || dot(products, v),
        );
        sigma[0] = divisor;
        self.pool.chunks(w_bar, LANES, |at, w_bar| {
            vectorized(
                #[inline(always)]
                || w_bar.iter_mut().zip(&w[at..]).for_each(|(w_bar, &w)| *w_bar = w / divisor),
            );
        });
    }

    fn spectral_norm_backward(
        &self,
        dw: &mut [T],
        w_bar: &[T],
        u: &[T],
        v: &[T],
        sigma: &[T],
        shape: SpectralNormShape,
    ) {
        contract::spectral_norm_backward(&dw, &w_bar, &u, &v, &sigma, shape);
        let SpectralNormShape { rows, columns, stride, .. } = shape;
        let ((left, right), divisor) = (shape.stored(u, v), sigma[0]);
        let mut dots = self.column_sums(rows);
        self.each_row_of(
            &mut dots,
            shape,
            #[inline(always)]
            |row| dot(&dw[row * stride..][..columns], &w_bar[row * stride..][..columns]),
        );
        let total = T::from_f64(dots.iter().map(|dot| dot.to_f64()).sum());
        self.pool.chunks(dw, stride, |at, dw| {
            vectorized(
                #[inline(always)]
                || {
                    for (row, dw) in (at / stride..).zip(dw.chunks_exact_mut(stride)) {
                        let factor = total * left[row];
                        dw.iter_mut()
                            .zip(right)
                            .for_each(|(dw, &right)| *dw = (*dw - factor * right) / divisor);
                    }
                },
            );
        });
    }
}

impl<T: CpuReal> Cpu<T> {
    /// The product of the stored matrix, or without `by_rows` of its transpose, and x.
    fn multiply_vector(
        &self,
        products: &mut [T],
        w: &[T],
        x: &[T],
        shape: SpectralNormShape,
        by_rows: bool,
    ) {
        let SpectralNormShape { columns, stride, .. } = shape;
        if by_rows {
            return self.each_row_of(
                products,
                shape,
                #[inline(always)]
                |row| dot(&w[row * stride..][..columns], x),
            );
        }
        self.pool.columns(shape.w_len(), columns, [products], |range, [products]| {
            vectorized(
                #[inline(always)]
                || {
                    products.fill(T::ZERO);
                    for (row, &factor) in x.iter().enumerate() {
                        let w = &w[row * stride + range.start..][..products.len()];
                        products.iter_mut().zip(w).for_each(|(sum, &w)| *sum += factor * w);
                    }
                },
            );
        });
    }

    /// A number for each row of the stored matrix.
    fn each_row_of(
        &self,
        numbers: &mut [T],
        shape: SpectralNormShape,
        number: impl Fn(usize) -> T + Sync,
    ) {
        self.pool.columns(shape.w_len(), shape.rows, [numbers], |rows, [numbers]| {
            vectorized(
                #[inline(always)]
                || numbers.iter_mut().zip(rows).for_each(|(of, row)| *of = number(row)),
            );
        });
    }
}

/// x ← products/max(‖products‖, eps).
fn normalize<T: CpuReal>(x: &mut [T], products: &[T]) {
    vectorized(
        #[inline(always)]
        || {
            let norm = dot(products, products).sqrt().max(T::from_f64(SPECTRAL_NORM_EPS));
            x.iter_mut().zip(products).for_each(|(x, &product)| *x = product / norm);
        },
    );
}

/// Σ a·b.
#[inline(always)]
fn dot<T: CpuReal>(a: &[T], b: &[T]) -> T {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
    let mut sums = [T::ZERO; LANES];
    for (a, b) in a.iter().zip(b) {
        for k in 0..LANES {
            sums[k] += a[k] * b[k];
        }
    }
    let mut sum = T::ZERO;
    for (&a, &b) in a_rest.iter().zip(b_rest) {
        sum += a * b;
    }
    for number in sums {
        sum += number;
    }
    sum
}

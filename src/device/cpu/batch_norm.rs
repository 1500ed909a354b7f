//! Batch normalisation on the CPU: each thread owns some columns and sees all rows of them.

use std::cell::RefMut;

use super::simd::vectorized;
use super::{Cpu, CpuReal, activation};
use crate::device::ops::{
    Activation, Affine, AffineGradients, BatchNorm, BatchNormShape, contract,
};

impl<T: CpuReal> BatchNorm for Cpu<T> {
    fn batch_norm_forward(
        &self,
        y: &mut [T],
        mean: &mut [T],
        inv_std: &mut [T],
        running_mean: &mut [T],
        running_var: &mut [T],
        x: &[T],
        b: Option<&[T]>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let Affine { gamma, beta } = &affine;
        shape.check_training();
        contract::batch_norm_forward(
            &y,
            &mean,
            &inv_std,
            &running_mean,
            &running_var,
            &x,
            b.as_ref(),
            gamma,
            beta,
            rows,
            columns,
        );
        let vectors = [mean, inv_std, running_mean, running_var];
        self.team.stripes_with(y, shape.columns, vectors, |mut y, vectors| {
            let [mean, inv_std, running_mean, running_var] = vectors;
            let columns = Columns { first: y.first_column(), len: mean.len(), of: shape.columns };
            vectorized(
                #[inline(always)]
                || {
                    batch_mean(mean, x, columns, shape);
                    batch_variance(inv_std, mean, x, columns, shape);
                    let b = b.map(|b| columns.of_row(b, 0));
                    move_running(running_mean, running_var, mean, b, inv_std, shape);
                    invert(inv_std, shape);
                    for i in 0..shape.rows {
                        let row = y.row(i);
                        normalize(row, columns.of_row(x, i), mean, inv_std);
                        scale_and_shift(
                            row,
                            columns.of_row(affine.gamma, 0),
                            columns.of_row(affine.beta, 0),
                        );
                        activation::apply(activation, row);
                    }
                },
            );
        });
    }

    fn batch_norm_evaluate(
        &self,
        y: &mut [T],
        x: &[T],
        b: Option<&[T]>,
        running_mean: &[T],
        running_var: &[T],
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let Affine { gamma, beta } = &affine;
        contract::batch_norm_evaluate(
            &y,
            &x,
            b.as_ref(),
            &running_mean,
            &running_var,
            gamma,
            beta,
            rows,
            columns,
        );
        let eps = T::from_f64(shape.eps);
        self.team.stripes_with(y, shape.columns, [], |mut y, []| {
            let columns = Columns { first: y.first_column(), len: y.columns(), of: shape.columns };
            let [mean, var] = [running_mean, running_var].map(|v| columns.of_row(v, 0));
            let b = b.map(|b| columns.of_row(b, 0));
            for i in 0..shape.rows {
                let row = y.row(i);
                let x = columns.of_row(x, i);
                for j in 0..row.len() {
                    let shift = b.map_or(T::ZERO, |b| b[j]);
                    row[j] = (x[j] + shift - mean[j]) * (T::ONE / (var[j] + eps).sqrt());
                }
                scale_and_shift(
                    row,
                    columns.of_row(affine.gamma, 0),
                    columns.of_row(affine.beta, 0),
                );
                activation::apply(activation, row);
            }
        });
    }

    fn batch_norm_backward(
        &self,
        dx: &mut [T],
        gradients: Option<AffineGradients<'_, Self>>,
        y: &[T],
        x: &[T],
        mean: &[T],
        inv_std: &[T],
        gamma: &[T],
        shape: BatchNormShape,
        activation: Activation,
        accumulate: bool,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let (dgamma, dbeta) = gradients.map(|of| (of.dgamma, of.dbeta)).unzip();
        contract::batch_norm_backward(
            &dx,
            dgamma.as_ref(),
            dbeta.as_ref(),
            &y,
            &x,
            &mean,
            &inv_std,
            &gamma,
            rows,
            columns,
        );
        let share = T::from_f64(1.0 / shape.rows as f64);
        // This batch's, which dx needs whatever the gradients have been before.
        let mut sums = self.column_sums(2 * shape.columns);
        let (gamma_sums, beta_sums) = sums.split_at_mut(shape.columns);
        let sums = [&mut *gamma_sums, &mut *beta_sums];
        self.team.stripes_with(dx, shape.columns, sums, |mut dx, [gamma_sums, beta_sums]| {
            let columns =
                Columns { first: dx.first_column(), len: dx.columns(), of: shape.columns };
            let [mean, inv_std, gamma] = [mean, inv_std, gamma].map(|v| columns.of_row(v, 0));
            vectorized(
                #[inline(always)]
                || {
                    gamma_sums.fill(T::ZERO);
                    beta_sums.fill(T::ZERO);
                    for i in 0..shape.rows {
                        let (dy, x) = (dx.row(i), columns.of_row(x, i));
                        activation::apply_backward(activation, dy, columns.of_row(y, i));
                        for j in 0..dy.len() {
                            gamma_sums[j] += dy[j] * ((x[j] - mean[j]) * inv_std[j]);
                            beta_sums[j] += dy[j];
                        }
                    }
                    for i in 0..shape.rows {
                        let (dx, x) = (dx.row(i), columns.of_row(x, i));
                        for j in 0..dx.len() {
                            let xhat = (x[j] - mean[j]) * inv_std[j];
                            let centred =
                                dx[j] - beta_sums[j] * share - xhat * gamma_sums[j] * share;
                            dx[j] = gamma[j] * inv_std[j] * centred;
                        }
                    }
                },
            );
        });
        if let (Some(dgamma), Some(dbeta)) = (dgamma, dbeta) {
            store(dgamma, gamma_sums, accumulate);
            store(dbeta, beta_sums, accumulate);
        }
    }
}

impl<T: CpuReal> Cpu<T> {
    /// Room for so many sums, of any value.
    fn column_sums(&self, len: usize) -> RefMut<'_, [T]> {
        RefMut::map(self.sums.borrow_mut(), |sums| {
            if sums.len() < len {
                sums.resize(len, T::ZERO);
            }
            &mut sums[..len]
        })
    }
}

/// Writes sums to a gradient, or adds them to what is there.
fn store<T: CpuReal>(gradient: &mut [T], sums: &[T], accumulate: bool) {
    if !accumulate {
        return gradient.copy_from_slice(sums);
    }
    gradient.iter_mut().zip(sums).for_each(|(gradient, &sum)| *gradient += sum);
}

/// Some neighbouring columns of a matrix `of` columns wide.
#[derive(Clone, Copy)]
struct Columns {
    first: usize,
    len: usize,
    of: usize,
}

impl Columns {
    /// These columns of row `i`; of row 0, where `x` is a vector of one number a column.
    #[inline(always)]
    fn of_row<T>(self, x: &[T], i: usize) -> &[T] {
        &x[i * self.of + self.first..][..self.len]
    }
}

#[inline(always)]
fn batch_mean<T: CpuReal>(mean: &mut [T], x: &[T], columns: Columns, shape: BatchNormShape) {
    mean.fill(T::ZERO);
    for i in 0..shape.rows {
        mean.iter_mut().zip(columns.of_row(x, i)).for_each(|(sum, &x)| *sum += x);
    }
    let share = T::from_f64(1.0 / shape.rows as f64);
    mean.iter_mut().for_each(|sum| *sum = *sum * share);
}

/// The biased variance; the second pass over x keeps small variances exact.
#[inline(always)]
fn batch_variance<T: CpuReal>(
    var: &mut [T],
    mean: &[T],
    x: &[T],
    columns: Columns,
    shape: BatchNormShape,
) {
    var.fill(T::ZERO);
    for i in 0..shape.rows {
        let x = columns.of_row(x, i);
        for j in 0..x.len() {
            var[j] += (x[j] - mean[j]) * (x[j] - mean[j]);
        }
    }
    let share = T::from_f64(1.0 / shape.rows as f64);
    var.iter_mut().for_each(|sum| *sum = *sum * share);
}

/// v ← 1/√(v + eps).
#[inline(always)]
fn invert<T: CpuReal>(v: &mut [T], shape: BatchNormShape) {
    let eps = T::from_f64(shape.eps);
    v.iter_mut().for_each(|v| *v = T::ONE / (*v + eps).sqrt());
}

#[inline(always)]
fn move_running<T: CpuReal>(
    running_mean: &mut [T],
    running_var: &mut [T],
    mean: &[T],
    b: Option<&[T]>,
    var: &[T],
    shape: BatchNormShape,
) {
    let rows = shape.rows as f64;
    let (new, old) = (T::from_f64(shape.momentum), T::from_f64(1.0 - shape.momentum));
    let unbiased = T::from_f64(rows / (rows - 1.0));
    for j in 0..mean.len() {
        let shift = b.map_or(T::ZERO, |b| b[j]);
        running_mean[j] = old * running_mean[j] + new * (mean[j] + shift);
        running_var[j] = old * running_var[j] + new * (var[j] * unbiased);
    }
}

#[inline(always)]
fn normalize<T: CpuReal>(y: &mut [T], x: &[T], mean: &[T], inv_std: &[T]) {
    for j in 0..y.len() {
        y[j] = (x[j] - mean[j]) * inv_std[j];
    }
}

#[inline(always)]
fn scale_and_shift<T: CpuReal>(y: &mut [T], gamma: &[T], beta: &[T]) {
    for j in 0..y.len() {
        y[j] = gamma[j] * y[j] + beta[j];
    }
}

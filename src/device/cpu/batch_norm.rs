//! Batch normalization on the CPU: statistics of each column by sums over rows, then each element.

mod across;

use std::ops::Range;

use super::row_sums::{FoldedRows, store};
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
        let BatchNormShape { batches, rows, columns, .. } = shape;
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
            batches,
            rows,
            columns,
        );
        for batch in 0..batches {
            let (all, own) = (part_of(batch, rows * columns), part_of(batch, columns));
            let (y, x) = (&mut y[all.clone()], &x[all]);
            let (mean, inv_std) = (&mut mean[own.clone()], &mut inv_std[own]);
            let running = [&mut *running_mean, &mut *running_var];
            self.forward_batch(y, [mean, inv_std], running, x, b, &affine, shape, activation);
        }
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
        let folded = FoldedRows::new(rows, columns);
        let mut memory = self.column_sums(5 * folded.sums());
        let [shift, mean, inv_std, gamma, beta] = parts(&mut memory, folded.sums());
        match b {
            Some(b) => folded.repeat(shift, b),
            None => shift.fill(T::ZERO),
        }
        folded.repeat(mean, running_mean);
        folded.repeat(inv_std, running_var);
        invert(inv_std, shape);
        folded.repeat(gamma, affine.gamma);
        folded.repeat(beta, affine.beta);
        self.each_row(
            &folded,
            y,
            #[inline(always)]
            |y, column, at| {
                let len = y.len();
                let [shift, mean, inv_std, gamma, beta] =
                    slices([shift, mean, inv_std, gamma, beta], column..column + len);
                let x = &x[at..][..len];
                for j in 0..len {
                    y[j] = gamma[j] * ((x[j] + shift[j] - mean[j]) * inv_std[j]) + beta[j];
                }
                activation::apply(activation, y);
            },
        );
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
        let BatchNormShape { batches, rows, columns, .. } = shape;
        let (mut dgamma, mut dbeta) = gradients.map(|of| (of.dgamma, of.dbeta)).unzip();
        contract::batch_norm_backward(
            &dx,
            dgamma.as_ref(),
            dbeta.as_ref(),
            &y,
            &x,
            &mean,
            &inv_std,
            &gamma,
            batches,
            rows,
            columns,
        );
        for batch in 0..batches {
            let (all, own) = (part_of(batch, rows * columns), part_of(batch, columns));
            let (dx, y, x) = (&mut dx[all.clone()], &y[all.clone()], &x[all]);
            let statistics = [&mean[own.clone()], &inv_std[own]];
            let gradients = dgamma.as_deref_mut().zip(dbeta.as_deref_mut());
            // Further batches accumulate.
            let accumulate = accumulate || batch > 0;
            self.backward_batch(
                dx, gradients, y, x, statistics, gamma, shape, activation, accumulate,
            );
        }
    }
}

impl<T: CpuReal> Cpu<T> {
    #[allow(clippy::too_many_arguments)]
    fn forward_batch(
        &self,
        y: &mut [T],
        [mean, inv_std]: [&mut [T]; 2],
        [running_mean, running_var]: [&mut [T]; 2],
        x: &[T],
        b: Option<&[T]>,
        affine: &Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let folded = FoldedRows::new(rows, columns);
        let mut memory = self.column_sums(5 * folded.sums());
        let [sums, wide_mean, wide_inv_std, gamma, beta] = parts(&mut memory, folded.sums());
        let share = T::from_f64(1.0 / rows.max(1) as f64);
        self.sum_rows(
            &folded,
            sums,
            #[inline(always)]
            |sums, _, at| sums.iter_mut().zip(&x[at..]).for_each(|(sum, &x)| *sum += x),
        );
        mean.iter_mut().zip(&*sums).for_each(|(mean, &sum)| *mean = sum * share);
        folded.repeat(wide_mean, mean);
        // The biased variance; the second pass over x keeps small variances exact.
        self.sum_rows(
            &folded,
            sums,
            #[inline(always)]
            |sums, column, at| {
                let len = sums.len();
                let (x, mean) = (&x[at..][..len], &wide_mean[column..][..len]);
                for j in 0..len {
                    sums[j] += (x[j] - mean[j]) * (x[j] - mean[j]);
                }
            },
        );
        if shape.across.is_some() {
            self.join_moments(mean, &mut sums[..columns], rows);
            folded.repeat(wide_mean, mean);
        }
        let share = T::from_f64(1.0 / shape.whole() as f64);
        inv_std.iter_mut().zip(&*sums).for_each(|(var, &sum)| *var = sum * share);
        update_running(running_mean, running_var, mean, b, inv_std, shape);
        invert(inv_std, shape);
        folded.repeat(wide_inv_std, inv_std);
        folded.repeat(gamma, affine.gamma);
        folded.repeat(beta, affine.beta);
        self.each_row(
            &folded,
            y,
            #[inline(always)]
            |y, column, at| {
                let len = y.len();
                let [mean, inv_std, gamma, beta] =
                    slices([wide_mean, wide_inv_std, gamma, beta], column..column + len);
                let x = &x[at..][..len];
                for j in 0..len {
                    y[j] = gamma[j] * ((x[j] - mean[j]) * inv_std[j]) + beta[j];
                }
                activation::apply(activation, y);
            },
        );
    }

    #[allow(clippy::too_many_arguments)]
    fn backward_batch(
        &self,
        dx: &mut [T],
        gradients: Option<(&mut [T], &mut [T])>,
        y: &[T],
        x: &[T],
        [mean, inv_std]: [&[T]; 2],
        gamma: &[T],
        shape: BatchNormShape,
        activation: Activation,
        accumulate: bool,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let folded = FoldedRows::new(rows, columns);
        let mut memory = self.column_sums(5 * folded.sums());
        let [gamma_sums, beta_sums, wide_mean, wide_inv_std, scale] =
            parts(&mut memory, folded.sums());
        folded.repeat(wide_mean, mean);
        folded.repeat(wide_inv_std, inv_std);
        // This batch's sums alone: dx does not depend on accumulated gradients.
        self.sum_each_row(
            &folded,
            dx,
            [&mut *gamma_sums, &mut *beta_sums],
            #[inline(always)]
            |dy, [gamma_sums, beta_sums], column, at| {
                let len = dy.len();
                let (x, y) = (&x[at..][..len], &y[at..][..len]);
                let (gamma_sums, beta_sums) = (&mut gamma_sums[..len], &mut beta_sums[..len]);
                let [mean, inv_std] = slices([wide_mean, wide_inv_std], column..column + len);
                activation::apply_backward(activation, dy, y);
                for j in 0..len {
                    gamma_sums[j] += dy[j] * ((x[j] - mean[j]) * inv_std[j]);
                    beta_sums[j] += dy[j];
                }
            },
        );
        if let Some((dgamma, dbeta)) = gradients {
            store(dgamma, &gamma_sums[..columns], accumulate);
            store(dbeta, &beta_sums[..columns], accumulate);
        }
        if shape.across.is_some() {
            self.add_across(&mut gamma_sums[..columns], &mut beta_sums[..columns]);
        }
        folded.broadcast(gamma_sums);
        folded.broadcast(beta_sums);
        folded.repeat(scale, gamma);
        let share = T::from_f64(1.0 / shape.whole() as f64);
        self.each_row(
            &folded,
            dx,
            #[inline(always)]
            |dx, column, at| {
                let len = dx.len();
                let x = &x[at..][..len];
                let [mean, inv_std, scale, gamma_sums, beta_sums] = slices(
                    [wide_mean, wide_inv_std, scale, gamma_sums, beta_sums],
                    column..column + len,
                );
                for j in 0..len {
                    let xhat = (x[j] - mean[j]) * inv_std[j];
                    let centred = dx[j] - beta_sums[j] * share - xhat * gamma_sums[j] * share;
                    dx[j] = scale[j] * inv_std[j] * centred;
                }
            },
        );
    }
}

/// The elements of a batch, of which each has `len`.
fn part_of(batch: usize, len: usize) -> Range<usize> {
    batch * len..(batch + 1) * len
}

/// Splits memory into N vectors of length `len`.
fn parts<T, const N: usize>(memory: &mut [T], len: usize) -> [&mut [T]; N] {
    let mut parts = memory.chunks_exact_mut(len);
    std::array::from_fn(|_| parts.next().unwrap_or_default())
}

/// The elements `range` of each vector. (`vectors.map` is not always inlined.)
#[inline(always)]
fn slices<T, const N: usize>(vectors: [&[T]; N], range: Range<usize>) -> [&[T]; N] {
    let mut parts = vectors;
    parts.iter_mut().for_each(|part| *part = &part[range.clone()]);
    parts
}

/// v ← 1/√(v + eps).
fn invert<T: CpuReal>(v: &mut [T], shape: BatchNormShape) {
    let eps = T::from_f64(shape.eps);
    v.iter_mut().for_each(|v| *v = T::ONE / (*v + eps).sqrt());
}

/// Updates the running statistics.
fn update_running<T: CpuReal>(
    running_mean: &mut [T],
    running_var: &mut [T],
    mean: &[T],
    b: Option<&[T]>,
    var: &[T],
    shape: BatchNormShape,
) {
    let rows = shape.whole() as f64;
    let (new, old) = (T::from_f64(shape.momentum), T::from_f64(1.0 - shape.momentum));
    let unbiased = T::from_f64(rows / (rows - 1.0));
    for j in 0..mean.len() {
        let shift = b.map_or(T::ZERO, |b| b[j]);
        running_mean[j] = old * running_mean[j] + new * (mean[j] + shift);
        running_var[j] = old * running_var[j] + new * (var[j] * unbiased);
    }
}

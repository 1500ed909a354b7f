//! Fully connected layers on the CPU: three matrix multiplications, bias, dropout mask, activation.

use std::ops::Range;

use super::gemm::Matrix;
use super::row_sums::{FoldedRows, store};
use super::simd::vectorized;
use super::single_output::{SingleOutputPass, backward};
use super::{Cpu, CpuReal, activation};
use crate::device::ops::{
    Activation, Linear, LinearShape, SingleOutput, SingleOutputGradients, contract,
};

impl<T: CpuReal> Linear for Cpu<T> {
    fn linear_forward(
        &self,
        y: &mut [T],
        x: &[T],
        w: &[T],
        b: Option<&[T]>,
        mask: Option<&[T]>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        contract::linear_forward(&y, &x, &w, b.as_ref(), mask.as_ref(), shape, again);
        let once = rows - again;
        let x = row_major(x, once, inputs);
        let w = transposed(w, inputs, outputs);
        T::multiply(&self.pool, y, x, w, false, |block| {
            vectorized(
                #[inline(always)]
                || {
                    let (first_row, first) = (block.first_row(), block.first_column());
                    for i in 0..again {
                        block.copy_row(once - again + i, once + i);
                    }
                    for i in 0..block.rows() {
                        let y = block.row(i);
                        if let Some(b) = b {
                            let b = &b[first..first + y.len()];
                            y.iter_mut().zip(b).for_each(|(y, &b)| *y += b);
                        }
                        if let Some(mask) = mask {
                            let mask = &mask[(first_row + i) * outputs + first..][..y.len()];
                            y.iter_mut().zip(mask).for_each(|(y, &m)| *y = *y * m);
                        }
                        activation::apply(activation, y);
                    }
                },
            );
        });
    }

    fn linear_forward_to_single_output(
        &self,
        y: &mut [T],
        output: SingleOutput<'_, '_, Self>,
        x: &[T],
        w: &[T],
        b: Option<&[T]>,
        mask: Option<&[T]>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    ) {
        self.linear_forward(y, x, w, b, mask, shape, activation, again);
        let SingleOutput { o, w, b } = output;
        let (alone, inputs) = (Activation::Identity, shape.outputs);
        let shape = LinearShape { inputs, outputs: 1, ..shape };
        self.linear_forward(o, y, w, Some(b), None, shape, alone, 0);
    }

    fn linear_backward_weight(
        &self,
        dw: &mut [T],
        dz: &[T],
        x: &[T],
        shape: LinearShape,
        accumulate: bool,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        contract::linear_backward_weight(&dw, &dz, &x, shape);
        let dz = transposed(dz, outputs, rows);
        T::multiply(&self.pool, dw, dz, row_major(x, rows, inputs), accumulate, |_| {});
    }

    fn linear_backward_input(
        &self,
        dx: &mut [T],
        dz: &[T],
        w: &[T],
        shape: LinearShape,
        columns: Range<usize>,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        contract::linear_backward_input(&dx, &dz, &w, shape, &columns);
        let w = Matrix {
            data: &w[columns.start..],
            rows: outputs,
            columns: columns.len(),
            row_stride: inputs,
            column_stride: 1,
        };
        T::multiply(&self.pool, dx, row_major(dz, rows, outputs), w, false, |_| {});
    }

    fn activation_forward(
        &self,
        y: &mut [T],
        x: &[T],
        mask: Option<&[T]>,
        shape: LinearShape,
        activation: Activation,
    ) {
        let LinearShape { rows, outputs, .. } = shape;
        contract::activation_forward(&y, &x, mask.as_ref(), rows, outputs);
        self.pool.chunks(y, 16, |at, y| {
            vectorized(
                #[inline(always)]
                || {
                    let range = at..at + y.len();
                    y.copy_from_slice(&x[range.clone()]);
                    if let Some(mask) = mask {
                        y.iter_mut().zip(&mask[range]).for_each(|(y, &m)| *y = *y * m);
                    }
                    activation::apply(activation, y);
                },
            );
        });
    }

    fn bias_activation_backward(
        &self,
        dz: &mut [T],
        db: Option<&mut [T]>,
        y: &[T],
        mask: Option<&[T]>,
        weights: Option<&[T]>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    ) {
        let LinearShape { rows, outputs, .. } = shape;
        let saved = contract::saved_rows(&y, rows, outputs, again);
        let samples = contract::row_weights(weights.as_ref(), rows);
        contract::bias_activation_backward(
            &dz,
            db.as_ref(),
            &y,
            mask.as_ref(),
            weights.as_ref(),
            rows,
            saved,
            outputs,
            samples,
        );
        let (dz, dz_again) = dz.split_at_mut((rows - again) * outputs);
        let skipped = (saved - again) * outputs;
        let (y_again, mask_again) = (&y[skipped..], mask.map(|mask| &mask[skipped..]));
        if again > 0 {
            self.each_row(
                &FoldedRows::new(again, outputs),
                dz_again,
                #[inline(always)]
                |dz, _, at| backward(dz, y_again, mask_again, at, activation),
            );
        }
        let folded = FoldedRows::new(rows - again, outputs);
        let Some(db) = db else {
            return self.each_row(
                &folded,
                dz,
                #[inline(always)]
                |dz, _, at| backward(dz, y, mask, at, activation),
            );
        };
        let mut sums = self.column_sums(folded.sums());
        self.sum_each_row(
            &folded,
            dz,
            [&mut sums],
            #[inline(always)]
            |dz, [sums], _, at| {
                backward(dz, y, mask, at, activation);
                match weights {
                    None => sums.iter_mut().zip(&*dz).for_each(|(sum, &d)| *sum += d),
                    Some(weights) => add_weighted(sums, dz, at, outputs, weights, rows / samples),
                }
            },
        );
        store(db, &sums[..outputs], accumulate);
    }

    fn single_output_backward(
        &self,
        dx: &mut [T],
        gradients: Option<SingleOutputGradients<'_, Self>>,
        dz: &[T],
        w: &[T],
        x: &[T],
        mask: Option<&[T]>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    ) {
        let LinearShape { rows, inputs, .. } = shape;
        let saved = contract::saved_rows(&x, rows, inputs, again);
        let of = gradients.as_ref();
        let (dw, db) = of.map(|of| (&of.dw, &of.db)).unzip();
        let (dbx, mask_len) = (of.and_then(|of| of.dbx.as_ref()), mask.as_ref());
        contract::single_output_backward(
            &dx, dbx, dw, db, &dz, &w, &x, mask_len, rows, saved, inputs,
        );
        let once = (rows - again) * inputs;
        let (dx, dx_again) = dx.split_at_mut(once);
        let skipped = (saved - again) * inputs;
        let pass = SingleOutputPass { dz, w, x, mask, activation };
        if again > 0 {
            let (x, mask) = (&x[skipped..], mask.map(|mask| &mask[skipped..]));
            let pass = SingleOutputPass { dz: &dz[rows - again..], x, mask, ..pass };
            self.each_row(
                &FoldedRows::new(again, inputs),
                dx_again,
                #[inline(always)]
                |dx, _, at| pass.backward(dx, at),
            );
        }
        let folded = FoldedRows::new(rows - again, inputs);
        let Some(SingleOutputGradients { dbx, dw, db }) = gradients else {
            return self.each_row(
                &folded,
                dx,
                #[inline(always)]
                |dx, _, at| pass.backward(dx, at),
            );
        };
        let mut sums = self.column_sums(2 * folded.sums());
        let (dw_sums, dbx_sums) = sums.split_at_mut(folded.sums());
        self.sum_each_row(
            &folded,
            dx,
            [&mut *dw_sums, &mut *dbx_sums],
            #[inline(always)]
            |dx, [dw_sums, dbx_sums], _, at| {
                pass.backward(dx, at);
                pass.add(dx, dw_sums, dbx_sums, at);
            },
        );
        store(dw, &dw_sums[..inputs], accumulate);
        store(db, &[dz[..rows - again].iter().copied().sum()], accumulate);
        if let Some(dbx) = dbx {
            store(dbx, &dbx_sums[..inputs], accumulate);
        }
    }
}

/// Adds elements of a matrix from `at` on to the sums of their columns, times the weights of their rows;
/// each weight applies to `pixels` rows.
#[inline(always)]
fn add_weighted<T: CpuReal>(
    sums: &mut [T],
    dz: &[T],
    at: usize,
    columns: usize,
    weights: &[T],
    pixels: usize,
) {
    for (i, (sums, dz)) in sums.chunks_mut(columns).zip(dz.chunks(columns)).enumerate() {
        let weight = weights[(at / columns + i) / pixels];
        sums.iter_mut().zip(dz).for_each(|(sum, &d)| *sum += weight * d);
    }
}

fn row_major<T>(data: &[T], rows: usize, columns: usize) -> Matrix<'_, T> {
    Matrix { data, rows, columns, row_stride: columns, column_stride: 1 }
}

/// The transpose, (rows, columns), of a row-major matrix (columns, rows).
fn transposed<T>(data: &[T], rows: usize, columns: usize) -> Matrix<'_, T> {
    Matrix { data, rows, columns, row_stride: 1, column_stride: rows }
}

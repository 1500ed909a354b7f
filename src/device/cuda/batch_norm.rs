//! Batch normalization on CUDA: a block processes all rows of some columns, or a part of a batch's rows if
//! there are many.

use super::Cuda;
use super::launch::parts;
use super::memory::{View, ViewMut};
use crate::device::ops::{Activation, Affine, AffineGradients, BatchNorm, BatchNormShape};

impl BatchNorm for Cuda {
    fn batch_norm_forward(
        &self,
        y: ViewMut<'_, f32>,
        mean: ViewMut<'_, f32>,
        inv_std: ViewMut<'_, f32>,
        running_mean: ViewMut<'_, f32>,
        running_var: ViewMut<'_, f32>,
        x: View<'_, f32>,
        b: Option<View<'_, f32>>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let BatchNormShape { batches, rows, columns, .. } = shape;
        shape.check_training();
        let (kind, slope) = activation.code();
        let (parts, kernels) = (parts(rows, batches * columns), &self.gpu.kernels);
        let (eps, momentum) = (shape.eps as f32, shape.momentum as f32);
        let Affine { gamma, beta } = affine;
        if parts == 1 {
            return kernels.batch_norm_forward(
                self.columns(columns),
                y,
                mean,
                inv_std,
                running_mean,
                running_var,
                x,
                b,
                gamma,
                beta,
                batches,
                rows,
                columns,
                eps,
                momentum,
                kind,
                slope,
            );
        }
        let mut sums = self.sums.borrow_mut();
        let mut moments = sums.view_mut(0..2 * batches * parts * columns);
        let launch = || self.column_parts(columns, parts, batches);
        kernels.batch_norm_moments(launch(), moments.reborrow(), x, batches, rows, columns, parts);
        kernels.batch_norm_forward_parts(
            launch(),
            y,
            mean,
            inv_std,
            running_mean,
            running_var,
            x,
            moments.read(),
            b,
            gamma,
            beta,
            batches,
            rows,
            columns,
            parts,
            eps,
            momentum,
            kind,
            slope,
        );
    }

    fn batch_norm_evaluate(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        b: Option<View<'_, f32>>,
        running_mean: View<'_, f32>,
        running_var: View<'_, f32>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let (kind, slope) = activation.code();
        self.gpu.kernels.batch_norm_evaluate(
            self.elements(rows * columns),
            y,
            x,
            b,
            running_mean,
            running_var,
            affine.gamma,
            affine.beta,
            rows,
            columns,
            shape.eps as f32,
            kind,
            slope,
        );
    }

    fn batch_norm_backward(
        &self,
        mut dx: ViewMut<'_, f32>,
        gradients: Option<AffineGradients<'_, Self>>,
        y: View<'_, f32>,
        x: View<'_, f32>,
        mean: View<'_, f32>,
        inv_std: View<'_, f32>,
        gamma: View<'_, f32>,
        shape: BatchNormShape,
        activation: Activation,
        accumulate: bool,
    ) {
        let BatchNormShape { batches, rows, columns, .. } = shape;
        let (dgamma, dbeta) = gradients.map(|of| (of.dgamma, of.dbeta)).unzip();
        let (kind, slope) = activation.code();
        let (parts, kernels, add) =
            (parts(rows, batches * columns), &self.gpu.kernels, accumulate.into());
        if parts == 1 {
            return kernels.batch_norm_backward(
                self.columns(columns),
                dx,
                dgamma,
                dbeta,
                y,
                x,
                mean,
                inv_std,
                gamma,
                batches,
                rows,
                columns,
                kind,
                slope,
                add,
            );
        }
        let mut sums = self.sums.borrow_mut();
        let mut sums = sums.view_mut(0..2 * batches * parts * columns);
        let launch = || self.column_parts(columns, parts, batches);
        kernels.batch_norm_backward_sums(
            launch(),
            sums.reborrow(),
            dx.reborrow(),
            y,
            x,
            mean,
            inv_std,
            batches,
            rows,
            columns,
            parts,
            kind,
            slope,
        );
        kernels.batch_norm_backward_parts(
            launch(),
            dx,
            dgamma,
            dbeta,
            sums.read(),
            x,
            mean,
            inv_std,
            gamma,
            batches,
            rows,
            columns,
            parts,
            add,
        );
    }
}

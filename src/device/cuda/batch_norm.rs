//! Batch normalization on CUDA: a block processes all rows of some columns, or a part of a batch's rows if
//! there are many.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{
    Activation, Affine, AffineGradients, BatchNorm, BatchNormShape, Collective,
};

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
        let (parts, kernels) = (self.norm_parts(shape), &self.gpu.kernels);
        let (eps, momentum) = (shape.eps as f32, shape.momentum as f32);
        let Affine { gamma, beta } = affine;
        if parts == 1 && shape.across.is_none() {
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
        let launch = || self.column_parts(columns, parts, batches);
        let Some(mut sums) = self.part_sums(3 * batches * parts * columns, shape) else { return };
        let ranks = sums.ranks;
        let (mut own, mut all) = sums.views();
        kernels.batch_norm_moments(launch(), own.reborrow(), x, batches, rows, columns, parts);
        let moments = self.of_all_ranks(all.as_mut(), own.read());
        kernels.batch_norm_forward_parts(
            launch(),
            y,
            mean,
            inv_std,
            running_mean,
            running_var,
            x,
            moments,
            b,
            gamma,
            beta,
            batches,
            rows,
            shape.whole(),
            columns,
            ranks,
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
        let (parts, kernels, add) = (self.norm_parts(shape), &self.gpu.kernels, accumulate.into());
        if parts == 1 && shape.across.is_none() {
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
        let launch = || self.column_parts(columns, parts, batches);
        let Some(mut sums) = self.part_sums(2 * batches * parts * columns, shape) else { return };
        let ranks = sums.ranks;
        // The place of this rank's sums among all that are added.
        let rank = if ranks > 1 { self.ranks().rank } else { 0 };
        let (mut own, mut all) = sums.views();
        kernels.batch_norm_backward_sums(
            launch(),
            own.reborrow(),
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
        let sums = self.of_all_ranks(all.as_mut(), own.read());
        kernels.batch_norm_backward_parts(
            launch(),
            dx,
            dgamma,
            dbeta,
            sums,
            x,
            mean,
            inv_std,
            gamma,
            batches,
            rows,
            shape.whole(),
            columns,
            ranks,
            rank,
            parts,
            add,
        );
    }
}

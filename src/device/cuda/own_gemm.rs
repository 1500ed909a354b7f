//! Products of fully connected layers with few rows, by our kernels, together with what follows them.

use std::ops::Range;

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::Gemm;
use crate::device::ops::{
    Activation, Affine, AffineGradients, BatchNormShape, Fused, LinearShape, contract,
};

/// Most rows of these products: three batches of 64, as in a merged pass of a discriminator.
const MOST_ROWS: usize = 192;

impl Fused for Cuda {
    fn fuses_gemm(&self, rows: usize) -> bool {
        self.gpu.options.gemm == Gemm::Own && rows <= MOST_ROWS
    }

    fn linear_batch_norm_forward(
        &self,
        y: ViewMut<'_, f32>,
        mean: ViewMut<'_, f32>,
        inv_std: ViewMut<'_, f32>,
        running_mean: ViewMut<'_, f32>,
        running_var: ViewMut<'_, f32>,
        x: ViewMut<'_, f32>,
        input: View<'_, f32>,
        w: View<'_, f32>,
        b: Option<View<'_, f32>>,
        affine: Affine<'_, Self>,
        inputs: usize,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        shape.check_training();
        let (kind, slope) = activation.code();
        self.gpu.kernels.gemm_batch_norm_forward(
            self.gemm_blocks(rows, columns, true),
            y,
            mean,
            inv_std,
            running_mean,
            running_var,
            x,
            input,
            w,
            b,
            affine.gamma,
            affine.beta,
            rows,
            columns,
            inputs,
            shape.eps as f32,
            shape.momentum as f32,
            kind,
            slope,
        );
    }

    fn linear_batch_norm_backward(
        &self,
        dx: ViewMut<'_, f32>,
        gradients: Option<AffineGradients<'_, Self>>,
        dz: View<'_, f32>,
        w: View<'_, f32>,
        y: View<'_, f32>,
        x: View<'_, f32>,
        mean: View<'_, f32>,
        inv_std: View<'_, f32>,
        gamma: View<'_, f32>,
        outputs: usize,
        shape: BatchNormShape,
        activation: Activation,
        accumulate: bool,
    ) {
        let BatchNormShape { rows, columns, .. } = shape;
        let (dgamma, dbeta) = gradients.map(|of| (of.dgamma, of.dbeta)).unzip();
        let (kind, slope) = activation.code();
        self.gpu.kernels.gemm_batch_norm_backward(
            self.gemm_blocks(rows, columns, true),
            dx,
            dgamma,
            dbeta,
            dz,
            w,
            y,
            x,
            mean,
            inv_std,
            gamma,
            rows,
            columns,
            outputs,
            kind,
            slope,
            accumulate.into(),
        );
    }

    fn linear_activation_backward(
        &self,
        dx: ViewMut<'_, f32>,
        dbx: Option<ViewMut<'_, f32>>,
        dz: View<'_, f32>,
        w: View<'_, f32>,
        x: View<'_, f32>,
        mask: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        let saved = contract::saved_rows(&x, rows, inputs, again);
        let (kind, slope) = activation.code();
        self.gpu.kernels.gemm_bias_activation_backward(
            self.gemm_blocks(rows, inputs, true),
            dx,
            dbx,
            dz,
            w,
            x,
            mask,
            rows,
            saved,
            rows - again,
            inputs,
            outputs,
            kind,
            slope,
            accumulate.into(),
        );
    }
}

impl Cuda {
    /// y = activation(mask ⊙ (x·Wᵀ + b)), as [`linear_forward`](crate::device::ops::Linear).
    #[allow(clippy::too_many_arguments)]
    pub(super) fn gemm_forward(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        w: View<'_, f32>,
        b: Option<View<'_, f32>>,
        mask: Option<View<'_, f32>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        let once = rows - again;
        let (kind, slope) = activation.code();
        self.gpu.kernels.gemm_bias_activation_forward(
            self.gemm_blocks(once, outputs, false),
            y,
            x,
            w,
            b,
            mask,
            once,
            rows,
            inputs,
            outputs,
            kind,
            slope,
        );
    }

    /// dx = dz·W, restricted to the given columns.
    pub(super) fn gemm_columns(
        &self,
        dx: ViewMut<'_, f32>,
        dz: View<'_, f32>,
        w: View<'_, f32>,
        shape: LinearShape,
        columns: Range<usize>,
    ) {
        let LinearShape { rows, inputs, outputs } = shape;
        let launch = self.gemm_blocks(rows, columns.len(), false);
        let (first, columns) = (columns.start, columns.len());
        self.gpu.kernels.gemm_columns(launch, dx, dz, w, rows, columns, outputs, inputs, first);
    }
}

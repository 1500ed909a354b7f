//! Products of fully connected layers together with what follows them.

use super::{Activation, Affine, AffineGradients, BatchNorm, BatchNormShape, Linear, LinearShape};
use crate::device::{In, Out};

/// A product of a Linear layer and the operation on its result. A device that computes both at once says
/// so; for others, these methods compute one after the other.
pub trait Fused: Linear + BatchNorm {
    /// Whether to call these operations instead of two separate ones, for matrices with so many rows.
    fn fuses_gemm(&self, _rows: usize) -> bool {
        false
    }

    /// x = input·wᵀ, and [`BatchNorm::batch_norm_forward`] of one batch.
    ///
    /// x (rows, columns), input (rows, inputs), w (columns, inputs).
    fn linear_batch_norm_forward(
        &self,
        y: Out<'_, Self>,
        mean: Out<'_, Self>,
        inv_std: Out<'_, Self>,
        running_mean: Out<'_, Self>,
        running_var: Out<'_, Self>,
        mut x: Out<'_, Self>,
        input: In<'_, Self>,
        w: In<'_, Self>,
        b: Option<In<'_, Self>>,
        affine: Affine<'_, Self>,
        inputs: usize,
        shape: BatchNormShape,
        activation: Activation,
    ) {
        let linear = LinearShape { rows: shape.rows, inputs, outputs: shape.columns };
        let product = Self::reborrow_mut(&mut x);
        self.linear_forward(product, input, w, None, None, linear, Activation::Identity, 0);
        let x = Self::read(&x);
        self.batch_norm_forward(
            y,
            mean,
            inv_std,
            running_mean,
            running_var,
            x,
            b,
            affine,
            shape,
            activation,
        );
    }

    /// dy = dz·w, and [`BatchNorm::batch_norm_backward`] of one batch, from dy to dx.
    ///
    /// dx (rows, columns), dz (rows, outputs), w (outputs, columns).
    fn linear_batch_norm_backward(
        &self,
        mut dx: Out<'_, Self>,
        gradients: Option<AffineGradients<'_, Self>>,
        dz: In<'_, Self>,
        w: In<'_, Self>,
        y: In<'_, Self>,
        x: In<'_, Self>,
        mean: In<'_, Self>,
        inv_std: In<'_, Self>,
        gamma: In<'_, Self>,
        outputs: usize,
        shape: BatchNormShape,
        activation: Activation,
        accumulate: bool,
    ) {
        let linear = LinearShape { rows: shape.rows, inputs: shape.columns, outputs };
        let dy = Self::reborrow_mut(&mut dx);
        self.linear_backward_input(dy, dz, w, linear, 0..shape.columns);
        self.batch_norm_backward(
            dx, gradients, y, x, mean, inv_std, gamma, shape, activation, accumulate,
        );
    }

    /// dy = dz·w, and [`Linear::bias_activation_backward`] of the layer before, from dy to dx, without
    /// weights.
    ///
    /// dx (rows, inputs), dbx (inputs) optional, dz (rows, outputs), w (outputs, inputs), x (rows,
    /// inputs) the output of the layer before, mask (rows, inputs) or none; the last `again` rows as
    /// there.
    fn linear_activation_backward(
        &self,
        mut dx: Out<'_, Self>,
        dbx: Option<Out<'_, Self>>,
        dz: In<'_, Self>,
        w: In<'_, Self>,
        x: In<'_, Self>,
        mask: Option<In<'_, Self>>,
        shape: LinearShape,
        activation: Activation,
        again: usize,
        accumulate: bool,
    ) {
        let LinearShape { rows, inputs, .. } = shape;
        let dy = Self::reborrow_mut(&mut dx);
        self.linear_backward_input(dy, dz, w, shape, 0..inputs);
        let before = LinearShape { rows, inputs, outputs: inputs };
        self.bias_activation_backward(
            dx, dbx, x, mask, None, before, activation, again, accumulate,
        );
    }
}

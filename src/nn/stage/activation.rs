//! y = activation(mask ⊙ x), not fused with another layer.

use std::ops::Range;

use crate::device::ops::LinearShape;
use crate::device::{Device, In, Out};
use crate::nn::backward_rows::BackwardRows;
use crate::nn::matrix::Matrix;
use crate::nn::plan::ActivationStage;

impl ActivationStage {
    pub(in crate::nn) fn forward<D: Device>(
        &self,
        device: &D,
        y: Out<'_, D>,
        x: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: usize,
    ) {
        device.activation_forward(y, x, mask, self.shape(rows), self.epilogue.activation);
    }

    /// From dy to dx, in place.
    pub(in crate::nn) fn backward<D: Device>(
        &self,
        device: &D,
        dx: &mut Matrix<D>,
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: &BackwardRows<'_>,
    ) {
        let (shape, again) = (self.shape(rows.all().len()), rows.again);
        let (dx, activation) = (dx.rows_mut(rows.all()), self.epilogue.activation);
        device.bias_activation_backward(dx, None, y, mask, None, shape, activation, again, false);
    }

    /// The tangent of y from that of x.
    pub(in crate::nn) fn tangent<D: Device>(
        &self,
        device: &D,
        tangent: &mut Matrix<D>,
        x: In<'_, D>,
        y: In<'_, D>,
        mask: Option<In<'_, D>>,
        rows: Range<usize>,
    ) {
        let (shape, activation) = (self.shape(rows.len()), self.epilogue.activation);
        device.copy(tangent.rows_mut(rows.clone()), x, shape.rows * shape.outputs);
        let tangent = tangent.rows_mut(rows);
        device.bias_activation_backward(tangent, None, y, mask, None, shape, activation, 0, false);
    }

    fn shape(&self, rows: usize) -> LinearShape {
        LinearShape { rows, inputs: self.features, outputs: self.features }
    }
}

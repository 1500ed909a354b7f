//! Converting an image from channels first to channels last, or back.

use crate::device::{Device, In, Out};
use crate::nn::plan::TransposeStage;

impl TransposeStage {
    pub(in crate::nn) fn forward<D: Device>(
        &self,
        device: &D,
        y: Out<'_, D>,
        x: In<'_, D>,
        rows: usize,
    ) {
        device.image_transpose(y, x, rows, self.extents);
    }

    /// The gradient of x.
    pub(in crate::nn) fn backward_input<D: Device>(
        &self,
        device: &D,
        dx: Out<'_, D>,
        dy: In<'_, D>,
        rows: usize,
    ) {
        let [height, width] = self.extents;
        device.image_transpose(dx, dy, rows, [width, height]);
    }
}

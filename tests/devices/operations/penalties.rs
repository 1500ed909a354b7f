//! Running the operations of gradient penalties.

use gan_cuda::device::Device;
use gan_cuda::device::ops::{PenaltyShape, RING_COLUMNS, RING_ROWS};

use super::bench::{Bench, Output};

impl<D: Device> Bench<'_, D> {
    pub fn images_interpolate(mut self, rows: usize, pixels: usize) -> Vec<Output> {
        let mut images = self.input(-1.0, 1.0, 3 * rows * pixels);
        let alpha = self.input(0.0, 1.0, rows);
        self.device.images_interpolate(images.view_mut(), alpha.view(), pixels);
        vec![self.read("images", &images)]
    }

    /// With `zero`, all gradients are zero: their norm has no derivative.
    pub fn penalty_forward_backward(
        mut self,
        shape: PenaltyShape,
        step: u32,
        zero: bool,
    ) -> Vec<Output> {
        let len = shape.rows * shape.pixels;
        let mut v = if zero { self.zeros(len) } else { self.input(-1.0, 1.0, len) };
        let (step, mut ring) = (self.ints(&[step]), self.zeros(RING_ROWS * RING_COLUMNS));
        let device = self.device;
        device.penalty_forward_backward(v.view_mut(), ring.view_mut(), step.view(), shape);
        vec![self.read("v", &v), self.sums("ring", shape.pixels, &ring)]
    }

    pub fn rows_scale(mut self, rows: usize, columns: usize, accumulate: bool) -> Vec<Output> {
        let mut y = self.gradient(accumulate, rows * columns);
        let (x, weights) = (self.input(-1.0, 1.0, rows * columns), self.input(-1.0, 1.0, rows));
        self.device.rows_scale(y.view_mut(), x.view(), weights.view(), columns, accumulate);
        vec![self.read("y", &y)]
    }

    pub fn constant_fill(self, len: usize, value: f64) -> Vec<Output> {
        let mut x = self.output(len);
        self.device.constant_fill(x.view_mut(), value);
        vec![self.read("x", &x)]
    }
}

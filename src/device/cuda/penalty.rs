//! Gradient penalties on CUDA.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{Penalties, PenaltyShape, RING_COLUMNS, RING_ROWS};

/// Most parts of the rows whose penalties are summed separately.
const MAX_PARTS: usize = 256;

impl Penalties for Cuda {
    fn images_interpolate(&self, images: ViewMut<'_, f32>, alpha: View<'_, f32>, pixels: usize) {
        let rows = alpha.len();
        let launch = self.elements(rows * pixels);
        self.gpu.kernels.images_interpolate(launch, images, alpha, rows, pixels);
    }

    fn penalty_forward_backward(
        &self,
        v: ViewMut<'_, f32>,
        ring: ViewMut<'_, f32>,
        step: View<'_, u32>,
        shape: PenaltyShape,
    ) {
        let PenaltyShape { rows, whole, pixels, penalty, factor, scale } = shape;
        let (parts, kernels) = (rows.clamp(1, MAX_PARTS), &self.gpu.kernels);
        let mut sums = self.sums.borrow_mut();
        let mut sums = sums.view_mut(0..parts);
        let (norm, slope) = (penalty.norm() as f32, (scale * 2.0 * factor / whole as f64) as f32);
        let launch = self.blocks(parts);
        kernels.penalty_forward_backward(
            launch,
            v,
            sums.reborrow(),
            rows,
            pixels,
            parts,
            norm,
            slope,
        );
        kernels.penalty_total(
            self.one_thread(),
            ring,
            sums.read(),
            step,
            parts,
            RING_ROWS,
            RING_COLUMNS,
            penalty.column(),
            (factor / whole as f64) as f32,
        );
    }

    fn rows_scale(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        weights: View<'_, f32>,
        columns: usize,
        accumulate: bool,
    ) {
        let rows = weights.len();
        let launch = self.elements(rows * columns);
        self.gpu.kernels.rows_scale(launch, y, x, weights, rows, columns, accumulate.into());
    }

    fn constant_fill(&self, x: ViewMut<'_, f32>, value: f64) {
        let n = x.len();
        self.gpu.kernels.constant_fill(self.elements(n), x, n, value as f32);
    }
}

//! Losses on CUDA: for a discriminator, a block for each part of the batch, since it has few outputs;
//! for a classifier, a thread for each row, since it has few classes.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::codes::criterion;
use crate::device::ops::{
    Criterion, Loss, LossShape, RING_COLUMNS, RING_ROWS, SoftmaxShape, contract,
};

impl Loss for Cuda {
    fn loss_forward_backward(
        &self,
        dx: ViewMut<'_, f32>,
        ring: ViewMut<'_, f32>,
        x: View<'_, f32>,
        step: View<'_, u32>,
        shape: LossShape,
        second: Option<LossShape>,
    ) {
        let [x_parts, dx_parts] = contract::loss_parts(&x, &shape, second.as_ref());
        let second_parts = second.map_or(0, |second| second.parts());
        let (parts, then) = (shape.parts(), second.unwrap_or(shape));
        self.gpu.kernels.loss_forward_backward(
            self.blocks(parts + second_parts),
            dx,
            ring,
            x,
            step,
            dx_parts,
            x_parts,
            shape.rows,
            shape.whole,
            RING_ROWS,
            RING_COLUMNS,
            parts,
            shape.targets.column(),
            shape.criterion.code(),
            shape.first_target() as f32,
            shape.scale as f32,
            second_parts,
            then.targets.column(),
            then.criterion.code(),
            then.first_target() as f32,
            then.scale as f32,
        );
    }

    fn ring_carry(&self, ring: ViewMut<'_, f32>, step: View<'_, u32>) {
        let launch = self.elements(RING_COLUMNS);
        self.gpu.kernels.ring_carry(launch, ring, step, RING_ROWS, RING_COLUMNS);
    }

    fn softmax_cross_entropy_forward_backward(
        &self,
        dx: ViewMut<'_, f32>,
        losses: ViewMut<'_, f32>,
        x: View<'_, f32>,
        labels: View<'_, u32>,
        shape: SoftmaxShape,
    ) {
        let SoftmaxShape { rows, classes } = shape;
        let launch = self.elements(rows);
        self.gpu
            .kernels
            .softmax_cross_entropy_forward_backward(launch, dx, losses, x, labels, rows, classes);
    }
}

impl Criterion {
    /// The kernel's code of a loss function.
    fn code(self) -> u32 {
        match self {
            Criterion::CrossEntropy => criterion::CROSS_ENTROPY,
            Criterion::SaturatingCrossEntropy => criterion::SATURATING_CROSS_ENTROPY,
            Criterion::SquaredError => criterion::SQUARED_ERROR,
            Criterion::Hinge => criterion::HINGE,
            Criterion::Wasserstein => criterion::WASSERSTEIN,
            Criterion::Relativistic => criterion::RELATIVISTIC,
        }
    }
}

//! Losses on CUDA: one block, since a batch's outputs are few.

use super::Cuda;
use super::memory::{View, ViewMut};
use crate::device::ops::{Loss, LossShape, RING_COLUMNS, RING_ROWS, Score};

impl Loss for Cuda {
    fn loss_forward_backward(
        &self,
        dx: ViewMut<'_, f32>,
        ring: ViewMut<'_, f32>,
        x: View<'_, f32>,
        step: View<'_, u32>,
        shape: LossShape,
    ) {
        assert!(dx.len() == shape.rows && x.len() == shape.rows);
        assert!(ring.len() == RING_ROWS * RING_COLUMNS && step.len() == 1);
        let score = match shape.score {
            Score::CrossEntropy => 0,
            Score::SquaredError => 1,
        };
        self.kernels.loss_forward_backward(
            self.one_block(),
            dx,
            ring,
            x,
            step,
            shape.rows,
            RING_ROWS,
            RING_COLUMNS,
            2 * shape.judged as usize,
            score,
            if shape.real { 1.0 } else { 0.0 },
            shape.scale as f32,
        );
    }
}

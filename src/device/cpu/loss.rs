//! Losses on the CPU.

use super::{Cpu, CpuReal};
use crate::device::ops::{Loss, LossShape, RING_COLUMNS, RING_ROWS, Score, contract};

impl<T: CpuReal> Loss for Cpu<T> {
    fn loss_forward_backward(
        &self,
        dx: &mut [T],
        ring: &mut [T],
        x: &[T],
        step: &[u32],
        shape: LossShape,
    ) {
        let LossShape { rows, score, scale, judged } = shape;
        let parts = judged.parts();
        contract::loss_forward_backward(
            &dx,
            &ring,
            &x,
            &step,
            parts,
            rows,
            RING_ROWS,
            RING_COLUMNS,
        );
        let share = T::from_f64(scale / rows as f64);
        let place = step[0] as usize % RING_ROWS * RING_COLUMNS + judged.column();
        let parts = dx.chunks_mut(rows).zip(x.chunks(rows)).zip(ring[place..].chunks_mut(2));
        for (((dx, x), noted), target) in parts.zip([T::ONE, T::ZERO]) {
            let (mut loss, mut output) = (T::ZERO, T::ZERO);
            for (dx, &x) in dx.iter_mut().zip(x) {
                let (value, slope, out) = match score {
                    Score::CrossEntropy => cross_entropy(x, target),
                    Score::SquaredError => squared_error(x, target),
                };
                *dx = share * slope;
                loss += value;
                output += out;
            }
            noted[0] = loss * share;
            noted[1] = output * T::from_f64(1.0 / rows as f64);
        }
    }
}

/// Value, derivative and probability.
fn cross_entropy<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let probability = x.sigmoid();
    let value = x.max(T::ZERO) - target * x + (-x.abs()).exp().ln_1p();
    (value, probability - target, probability)
}

/// Value, derivative and the output itself.
fn squared_error<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let distance = x - target;
    (distance * distance, distance + distance, x)
}

//! Losses on the CPU.

use super::{Cpu, CpuReal};
use crate::device::ops::{Loss, LossShape, RING_COLUMNS, RING_ROWS, Score, SoftmaxShape, contract};

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

    fn softmax_cross_entropy_forward_backward(
        &self,
        dx: &mut [T],
        losses: &mut [T],
        x: &[T],
        labels: &[u32],
        shape: SoftmaxShape,
    ) {
        let SoftmaxShape { rows, classes } = shape;
        contract::softmax_cross_entropy_forward_backward(&dx, &losses, &x, &labels, rows, classes);
        let share = T::from_f64(1.0 / rows as f64);
        self.team.parts((dx, classes), [losses], 1, |row, dx, [loss]| {
            let (x, label) = (&x[row * classes..][..classes], labels[row] as usize);
            assert!(
                label < classes,
                "softmax_cross_entropy_forward_backward: label {label} in row {row}, of \
                 {classes} classes"
            );
            loss[0] = softmax_cross_entropy(dx, x, label, share);
        });
    }
}

/// Gives the loss of a row, and writes `share` of its gradient.
fn softmax_cross_entropy<T: CpuReal>(dx: &mut [T], x: &[T], label: usize, share: T) -> T {
    let max = x.iter().copied().fold(x[label], T::max);
    let mut sum = T::ZERO;
    for (dx, &x) in dx.iter_mut().zip(x) {
        *dx = (x - max).exp();
        sum += *dx;
    }
    for (class, dx) in dx.iter_mut().enumerate() {
        let target = if class == label { T::ONE } else { T::ZERO };
        *dx = share * (*dx / sum - target);
    }
    // The difference first: it is exact where large logits are near each other.
    sum.ln() + (max - x[label])
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

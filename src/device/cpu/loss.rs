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
                    Score::SaturatingCrossEntropy => saturating_cross_entropy(x, target),
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

/// The same as PyTorch has them, whose `BCELoss` takes no logarithm for less than −100 and divides by
/// p·(1 − p), but by no less than 10⁻¹²; its `Sigmoid` multiplies by it.
fn saturating_cross_entropy<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let p = x.sigmoid();
    let log = if target == T::ONE { p.ln() } else { (-p).ln_1p() };
    let [least_log, least_spread] = [-100.0, 1e-12].map(T::from_f64);
    let value = if log < least_log { -least_log } else { -log };
    let spread = p * (T::ONE - p);
    let faded = if spread < least_spread { spread / least_spread } else { T::ONE };
    (value, (p - target) * faded, p)
}

/// Value, derivative and the output itself.
fn squared_error<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let distance = x - target;
    (distance * distance, distance + distance, x)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;

    // Of PyTorch 2.11: logits, `F.binary_cross_entropy(torch.sigmoid(x), target)` and its derivative
    // in f32, and both in f64.
    const REAL: [[f64; 5]; 7] = [
        [-120.0, 100.0, 0.0, 100.0, 0.0],
        [-60.0, 60.0, -8.75651e-15, 60.0, -8.75651e-15],
        [-30.0, 30.0, -0.0935762, 30.0, -0.0935762],
        [0.0, LN_2, -0.5, LN_2, -0.5],
        [4.0, 0.01815, -0.0179862, 0.0181499, -0.0179862],
        [18.0, 0.0, 0.0, 1.523e-8, -1.523e-8],
        [30.0, 0.0, 0.0, 9.34808e-14, -8.73866e-15],
    ];
    const FAKE: [[f64; 5]; 7] = [
        [-120.0, 0.0, 0.0, 0.0, 0.0],
        [-60.0, 8.75651e-27, 0.0, 8.75651e-27, 0.0],
        [-30.0, 9.35762e-14, 8.75651e-15, 9.35762e-14, 8.75651e-15],
        [0.0, LN_2, 0.5, LN_2, 0.5],
        [4.0, 4.01815, 0.982014, 4.01815, 0.982014],
        [18.0, 100.0, 0.0, 18.0, 1.0],
        [30.0, 100.0, 0.0, 30.001, 0.0934808],
    ];

    fn assert_near<T: CpuReal>(x: f64, target: T, expected: [f64; 2]) {
        let (value, slope, _) = saturating_cross_entropy(T::from_f64(x), target);
        for (own, expected) in [value, slope].into_iter().zip(expected) {
            let error = (own.to_f64() - expected).abs();
            // 1 − p has few digits.
            let most = 5e-3 * expected.abs() + f64::from(f32::MIN_POSITIVE);
            assert!(error <= most, "{x}, {target:?}: {own:?} for {expected}");
        }
    }

    #[test]
    fn cross_entropy_saturates_where_pytorchs_does() {
        for (target, rows) in [(1.0, REAL), (0.0, FAKE)] {
            for [x, value, slope, value_f64, slope_f64] in rows {
                assert_near::<f32>(x, target as f32, [value, slope]);
                assert_near::<f64>(x, target, [value_f64, slope_f64]);
            }
        }
    }
}

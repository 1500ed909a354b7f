//! Losses on the CPU.

use super::{Cpu, CpuReal};
use crate::device::ops::{
    Criterion, Loss, LossShape, RING_COLUMNS, RING_ROWS, SoftmaxShape, contract,
};

impl<T: CpuReal> Loss for Cpu<T> {
    fn loss_forward_backward(
        &self,
        dx: &mut [T],
        ring: &mut [T],
        x: &[T],
        step: &[u32],
        shape: LossShape,
        second: Option<LossShape>,
    ) {
        let (rows, parts) = (shape.rows, shape.parts());
        let [x_parts, dx_parts] = contract::loss_parts(&x, &shape, second.as_ref());
        contract::loss_forward_backward(
            &dx,
            &ring,
            &x,
            &step,
            dx_parts,
            x_parts,
            rows,
            RING_ROWS,
            RING_COLUMNS,
        );
        let entries = &mut ring[step[0] as usize % RING_ROWS * RING_COLUMNS..][..RING_COLUMNS];
        let x_of = |part: usize| &x[part * rows..][..rows];
        let (first, last) = dx.split_at_mut(parts * rows);
        for part in 0..parts {
            let dx = &mut first[part * rows..][..rows];
            let other = if parts == 2 { 1 - part } else { part };
            of_part(Some(dx), entries, [x_of(part), x_of(other)], part, &shape);
        }
        let Some(second) = second else { return };
        let fakes = x_of(x_parts - 1);
        if second.parts() == 1 {
            return of_part(Some(last), entries, [fakes; 2], 0, &second);
        }
        of_part(None, entries, [x_of(0), fakes], 0, &second);
        of_part(Some(last), entries, [fakes, x_of(0)], 1, &second);
    }

    fn ring_carry(&self, ring: &mut [T], step: &[u32]) {
        contract::ring_carry(&ring, &step, RING_ROWS, RING_COLUMNS);
        let row = |step: u32| step as usize % RING_ROWS * RING_COLUMNS;
        let now = row(step[0]);
        ring.copy_within(now..now + RING_COLUMNS, row(step[0].wrapping_add(1)));
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
        let factor = T::from_f64(1.0 / rows as f64);
        self.pool.parts((dx, classes), [losses], 1, |row, dx, [loss]| {
            let (x, label) = (&x[row * classes..][..classes], labels[row] as usize);
            assert!(
                label < classes,
                "softmax_cross_entropy_forward_backward: label {label} in row {row}, of \
                 {classes} classes"
            );
            loss[0] = softmax_cross_entropy(dx, x, label, factor);
        });
    }
}

/// The loss of a part of the batch, its mean output, and its gradient, if that is asked for; of `x` and
/// the outputs that they are paired with.
fn of_part<T: CpuReal>(
    mut dx: Option<&mut [T]>,
    entries: &mut [T],
    [x, others]: [&[T]; 2],
    part: usize,
    shape: &LossShape,
) {
    let (mut loss, mut output) = (T::ZERO, T::ZERO);
    let factor = T::from_f64(shape.scale / shape.whole as f64);
    for i in 0..x.len() {
        let (value, slope, out) = loss_of(shape, part, x[i], others[i]);
        if let Some(dx) = &mut dx {
            dx[i] = factor * slope;
        }
        loss += value;
        output += out;
    }
    let entry = &mut entries[shape.targets.column() + 2 * part..][..2];
    entry[0] = loss * factor;
    entry[1] = output * T::from_f64(1.0 / shape.whole as f64);
}

/// Value, derivative and output of the loss of an output `x` in a part of the batch; `other` is the
/// output that it is paired with.
fn loss_of<T: CpuReal>(shape: &LossShape, part: usize, x: T, other: T) -> (T, T, T) {
    let first = T::from_f64(shape.first_target());
    let target = if part == 0 { first } else { T::ZERO };
    match shape.criterion {
        Criterion::CrossEntropy => cross_entropy(x, target),
        Criterion::SaturatingCrossEntropy => saturating_cross_entropy(x, target),
        Criterion::SquaredError => squared_error(x, target),
        Criterion::Hinge => hinge(x, target),
        Criterion::Wasserstein => (towards(x, target), towards(T::ONE, target), x),
        Criterion::Relativistic if part == 0 => relativistic(x, other, first),
        Criterion::Relativistic => {
            let (_, slope, x) = relativistic(x, other, T::ONE - first);
            (T::ZERO, slope, x)
        }
    }
}

/// Returns the loss of a row, and writes its gradient times `factor`.
fn softmax_cross_entropy<T: CpuReal>(dx: &mut [T], x: &[T], label: usize, factor: T) -> T {
    let max = x.iter().copied().fold(x[label], T::max);
    let mut sum = T::ZERO;
    for (dx, &x) in dx.iter_mut().zip(x) {
        *dx = (x - max).exp();
        sum += *dx;
    }
    for (class, dx) in dx.iter_mut().enumerate() {
        let target = if class == label { T::ONE } else { T::ZERO };
        *dx = factor * (*dx / sum - target);
    }
    // The difference first: it is exact if large logits are close to each other.
    sum.ln() + (max - x[label])
}

/// Value, derivative and probability.
fn cross_entropy<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let probability = x.sigmoid();
    (softplus(x) - target * x, probability - target, probability)
}

/// ln (1 + eˣ), without overflow.
fn softplus<T: CpuReal>(x: T) -> T {
    x.max(T::ZERO) + (-x.abs()).exp().ln_1p()
}

/// The same as PyTorch computes them: its `BCELoss` clamps logarithms at −100 and divides by
/// max(p·(1 − p), 10⁻¹²); its `Sigmoid` multiplies by p·(1 − p).
fn saturating_cross_entropy<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let p = x.sigmoid();
    let [min_log, min_variance] = [-100.0, 1e-12].map(T::from_f64);
    let [real, fake] = [p.ln(), (-p).ln_1p()].map(|log| if log < min_log { min_log } else { log });
    let value = -(target * real + (T::ONE - target) * fake);
    let variance = p * (T::ONE - p);
    let attenuation = if variance < min_variance { variance / min_variance } else { T::ONE };
    (value, (p - target) * attenuation, p)
}

/// Value, derivative and the output itself.
fn squared_error<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let distance = x - target;
    (distance * distance, distance + distance, x)
}

/// −x for target 1, x for target 0.
fn towards<T: CpuReal>(x: T, target: T) -> T {
    if target == T::ONE { -x } else { x }
}

/// Value, derivative and the output itself.
fn hinge<T: CpuReal>(x: T, target: T) -> (T, T, T) {
    let margin = T::ONE + towards(x, target);
    // Not `margin > 0`: NaN must stay NaN.
    match margin <= T::ZERO {
        true => (T::ZERO, T::ZERO, x),
        false => (margin, towards(T::ONE, target), x),
    }
}

/// Value, derivative with respect to x, and x: x should exceed `other` if the target is 1.
fn relativistic<T: CpuReal>(x: T, other: T, target: T) -> (T, T, T) {
    let lag = towards(x - other, target);
    (softplus(lag), towards(lag.sigmoid(), target), x)
}

#[cfg(test)]
mod tests {
    use std::f64::consts::LN_2;

    use super::*;

    // From PyTorch 2.11: logit, `F.binary_cross_entropy(torch.sigmoid(x), target)` and its derivative
    // in f32, then both in f64.
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
            // 1 − p has few significant digits.
            let most = 5e-3 * expected.abs() + f64::from(f32::MIN_POSITIVE);
            assert!(error <= most, "{x}, {target:?}: {own:?} for {expected}");
        }
    }

    #[test]
    fn cross_entropy_saturates_like_pytorchs_bce_loss() {
        for (target, rows) in [(1.0, REAL), (0.0, FAKE)] {
            for [x, value, slope, value_f64, slope_f64] in rows {
                assert_near::<f32>(x, target as f32, [value, slope]);
                assert_near::<f64>(x, target, [value_f64, slope_f64]);
            }
        }
    }
}

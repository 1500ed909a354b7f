//! Softmax cross-entropy with values computed by hand, and invalid labels.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bench::{Bench, Placement};
use gan_cuda::device::Real;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::Cuda;
use gan_cuda::device::ops::SoftmaxShape;

use crate::comparator::{Tolerance, compare};
use crate::open::Tested;

/// Rounding of a few numbers of about 1.
const TOLERANCE: Tolerance = Tolerance { rtol: 1e-6, atol: 2e-7 };

/// A row of logits and the expected results; the gradient is that of this row alone.
struct Known<'a> {
    x: &'a [f64],
    label: u32,
    loss: f64,
    dx: &'a [f64],
}

/// Probabilities of 1/4 and 3/4, near-certainty, equal probabilities, and a single class.
pub fn softmax_cross_entropy_equals_values_computed_by_hand<D: Tested>() {
    let device = &D::open(false);
    let thirds = &[0.0, 3_f64.ln()];
    let certain = &[1e4, -1e4];
    check(
        device,
        &[
            Known { x: thirds, label: 0, loss: 4_f64.ln(), dx: &[-0.75, 0.75] },
            Known { x: thirds, label: 1, loss: (4.0 / 3_f64).ln(), dx: &[0.25, -0.25] },
            Known { x: certain, label: 0, loss: 0.0, dx: &[0.0, 0.0] },
            Known { x: certain, label: 1, loss: 2e4, dx: &[1.0, -1.0] },
        ],
    );
    for all in [0.0, 1e4, -1e4] {
        let (x, loss) = (&[all; 4], 4_f64.ln());
        check(device, &[Known { x, label: 2, loss, dx: &[0.25, 0.25, -0.75, 0.25] }]);
        check(device, &[Known { x: &[all], label: 0, loss: 0.0, dx: &[0.0] }]);
    }
}

/// Runs a batch of these rows.
fn check<D: Tested>(device: &D, known: &[Known<'_>]) {
    let rows = known.len();
    let labels: Vec<u32> = known.iter().map(|row| row.label).collect();
    let x: Vec<&[f64]> = known.iter().map(|row| row.x).collect();
    let [dx, losses] = run(device, &x, &labels);
    let want: Vec<f64> = known.iter().map(|row| row.loss).collect();
    compare(&losses, &want, TOLERANCE).unwrap_or_else(|problem| panic!("losses: {problem}"));
    let want = known.iter().flat_map(|row| row.dx);
    let want: Vec<f64> = want.map(|dx| dx / rows as f64).collect();
    compare(&dx, &want, TOLERANCE).unwrap_or_else(|problem| panic!("dx: {problem}"));
}

/// dx and losses.
fn run<D: Tested>(device: &D, x: &[&[f64]], labels: &[u32]) -> [Vec<f64>; 2] {
    let shape = SoftmaxShape { rows: x.len(), classes: x[0].len() };
    let bench = Bench::new(device, Placement::Unaligned);
    let x: Vec<D::Real> = x.concat().into_iter().map(D::Real::from_f64).collect();
    let (x, labels) = (bench.floats(&x), bench.ints(labels));
    let [mut dx, mut losses] =
        [shape.rows * shape.classes, shape.rows].map(|len| bench.output(len));
    device.softmax_cross_entropy_forward_backward(
        dx.view_mut(),
        losses.view_mut(),
        x.view(),
        labels.view(),
        shape,
    );
    [bench.read("dx", &dx).values, bench.read("losses", &losses).values]
}

pub fn an_invalid_label_panics_on_the_cpu() {
    let device = &<Cpu<f32> as Tested>::open(false);
    let call = || run(device, &[&[0.0, 1.0], &[0.0, 1.0]], &[1, 2]);
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err("label 2 is invalid");
    let message = "softmax_cross_entropy_forward_backward: label 2 in row 1, of 2 classes";
    assert_eq!(panic.downcast_ref::<String>().expect("a message"), message);
}

/// A GPU cannot panic, and must not read out of bounds.
pub fn an_invalid_label_makes_only_its_own_loss_nan() {
    let device = &<Cuda as Tested>::open(false);
    let x: [&[f64]; 4] = [&[0.0, 0.0]; 4];
    let [dx, losses] = run(device, &x, &[0, 2, u32::MAX, 1]);
    assert_eq!(
        losses.iter().map(|loss| loss.is_nan()).collect::<Vec<_>>(),
        [false, true, true, false]
    );
    // Both classes are equally probable; with an invalid label neither is the target.
    let eighth = 0.125;
    assert_eq!(dx, [-eighth, eighth, eighth, eighth, eighth, eighth, eighth, -eighth]);
}

//! The panic message for an argument of a wrong length: the same on every device.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::bench::{Bench, Placement};
use gan_cuda::device::ops::{Activation, Adam, LinearShape, SoftmaxShape, SpectralNormShape};

use crate::open::Tested;

const SHAPE: LinearShape = LinearShape { rows: 3, inputs: 5, outputs: 2 };
const CONVOLUTION: SpectralNormShape =
    SpectralNormShape { rows: 2, columns: 3, stride: 3, transposed: true };
const ADAM: Adam = Adam::constant(0.1, [0.5, 0.9], 1e-8);

/// For matrix multiplications and spectral normalization, whose checks are handwritten, and for kernels.
pub fn wrong_lengths_panic_with_names_and_numbers<D: Tested>() {
    let device = &D::open(false);
    let bench = Bench::new(device, Placement::Alone);
    let zeros = |len| bench.zeros(len);
    refused("linear_forward: mask (rows, outputs) has 5 elements, not 6", || {
        let ([mut y, mask], x, w) = ([6, 5].map(zeros), zeros(15), zeros(10));
        let (x, w, mask) = (x.view(), w.view(), Some(mask.view()));
        device.linear_forward(y.view_mut(), x, w, None, mask, SHAPE, Activation::Relu, 0);
    });
    refused("linear_backward_weight: x (rows, inputs) has 14 elements, not 15", || {
        let [mut dw, dz, x] = [10, 6, 14].map(zeros);
        device.linear_backward_weight(dw.view_mut(), dz.view(), x.view(), SHAPE, false);
    });
    refused("linear_backward_input: columns 3..6 of 5", || {
        let [mut dx, dz, w] = [9, 6, 10].map(zeros);
        device.linear_backward_input(dx.view_mut(), dz.view(), w.view(), SHAPE, 3..6);
    });
    refused("bias_activation_backward: db (columns) has 3 elements, not 2", || {
        let [mut dz, mut db, y] = [6, 3, 6].map(zeros);
        let (dz, db, y) = (dz.view_mut(), Some(db.view_mut()), y.view());
        device.bias_activation_backward(dz, db, y, None, None, SHAPE, Activation::Tanh, 0, false);
    });
    refused("bias_activation_backward: 2 weights for 3 rows", || {
        let [mut dz, mut db, y, weights] = [6, 2, 6, 2].map(zeros);
        let (dz, db, y) = (dz.view_mut(), Some(db.view_mut()), y.view());
        let (weights, tanh) = (Some(weights.view()), Activation::Tanh);
        device.bias_activation_backward(dz, db, y, None, weights, SHAPE, tanh, 0, false);
    });
    let name = "softmax_cross_entropy_forward_backward";
    refused(&format!("{name}: losses (rows) has 6 elements, not 3"), || {
        let ([mut dx, mut losses, x], labels) = ([6; 3].map(zeros), bench.ints(&[0; 3]));
        let (dx, losses, shape) =
            (dx.view_mut(), losses.view_mut(), SoftmaxShape { rows: 3, classes: 2 });
        device.softmax_cross_entropy_forward_backward(dx, losses, x.view(), labels.view(), shape);
    });
    refused("spectral_norm_forward: u (rows of W) has 2 elements, not 3", || {
        let [mut w_bar, mut u, mut v, mut sigma, w] = [6, 2, 2, 1, 6].map(zeros);
        let [w_bar, u, v, sigma] = [&mut w_bar, &mut u, &mut v, &mut sigma].map(|of| of.view_mut());
        device.spectral_norm_forward(w_bar, u, v, sigma, w.view(), CONVOLUTION, true);
    });
    refused("spectral_norm_backward: 3 columns in rows of 2", || {
        let ([mut dw, w_bar, u], [v, sigma]) = ([4, 4, 3].map(zeros), [2, 1].map(zeros));
        let (w_bar, u, v, sigma) = (w_bar.view(), u.view(), v.view(), sigma.view());
        let shape = SpectralNormShape { stride: 2, ..CONVOLUTION };
        device.spectral_norm_backward(dw.view_mut(), w_bar, u, v, sigma, shape);
    });
    refused("adam_update: step (2) has 1 elements, not 2", || {
        let ([mut p, mut m, mut v, g], mut step) = ([6; 4].map(zeros), bench.ints(&[0]));
        let [p, m, v] = [&mut p, &mut m, &mut v].map(|of| of.view_mut());
        device.adam_update(p, m, v, step.view_mut(), None, g.view(), ADAM, false);
    });
}

/// Checks that a call panics with this message.
fn refused(message: &str, call: impl FnOnce()) {
    let panic = catch_unwind(AssertUnwindSafe(call)).expect_err(message);
    assert_eq!(panic.downcast_ref::<String>().expect("a message"), message);
}

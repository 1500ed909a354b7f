//! BatchNorm.

use gan_cuda::device::ops::{Activation, Affine, AffineGradients, BatchNormShape};

use crate::clock::Timed;
use crate::{Bench, layers};

const LEAKY_RELU: Activation = Activation::LeakyRelu { slope: 0.2 };

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for [rows, columns] in layers::normalized() {
        let (across, eps, momentum) = (None, 0.8, 0.1);
        let shape = BatchNormShape { batches: 1, rows, across, columns, eps, momentum };
        batch_norm_forward(bench, shape);
        batch_norm_evaluate(bench, shape);
        batch_norm_backward(bench, shape);
    }
}

/// The size as text, and the number of elements of x.
fn extents(shape: BatchNormShape) -> (String, usize) {
    (format!("{}x{}", shape.rows, shape.columns), shape.rows * shape.columns)
}

/// Reads x, writes y; for each column reads b, gamma and beta, writes mean and inv_std, and updates
/// the two running statistics.
fn batch_norm_forward<D: Timed>(bench: &mut Bench<'_, D>, shape: BatchNormShape) {
    let ((size, all), columns) = (extents(shape), shape.columns);
    let (x, mut y) = (bench.numbers(all), bench.numbers(all));
    let [mut mean, mut inv_std, mut running_mean, mut running_var] =
        [(); 4].map(|()| bench.ones(columns));
    let [b, gamma, beta] = [(); 3].map(|()| bench.numbers(columns));
    bench.moves("batch_norm_forward", &size, 2 * all + 9 * columns, |device| {
        let [b, gamma, beta] = [&b, &gamma, &beta].map(|column| D::view(column, 0..columns));
        device.batch_norm_forward(
            D::view_mut(&mut y, 0..all),
            D::view_mut(&mut mean, 0..columns),
            D::view_mut(&mut inv_std, 0..columns),
            D::view_mut(&mut running_mean, 0..columns),
            D::view_mut(&mut running_var, 0..columns),
            D::view(&x, 0..all),
            Some(b),
            Affine { gamma, beta },
            shape,
            LEAKY_RELU,
        );
    });
}

/// Reads x and five numbers per column, writes y.
fn batch_norm_evaluate<D: Timed>(bench: &mut Bench<'_, D>, shape: BatchNormShape) {
    let ((size, all), columns) = (extents(shape), shape.columns);
    let (x, mut y) = (bench.numbers(all), bench.numbers(all));
    let [b, mean, var, gamma, beta] = [(); 5].map(|()| bench.ones(columns));
    bench.moves("batch_norm_evaluate", &size, 2 * all + 5 * columns, |device| {
        let [b, mean, var, gamma, beta] =
            [&b, &mean, &var, &gamma, &beta].map(|column| D::view(column, 0..columns));
        let (y, x) = (D::view_mut(&mut y, 0..all), D::view(&x, 0..all));
        let affine = Affine { gamma, beta };
        device.batch_norm_evaluate(y, x, Some(b), mean, var, affine, shape, LEAKY_RELU);
    });
}

/// Reads dy, x and y, writes dx; for each column reads mean, inv_std and gamma, writes dgamma and
/// dbeta.
fn batch_norm_backward<D: Timed>(bench: &mut Bench<'_, D>, shape: BatchNormShape) {
    let ((size, all), columns) = (extents(shape), shape.columns);
    let (mut dx, x, y) = (bench.numbers(all), bench.numbers(all), bench.ones(all));
    let [mut dgamma, mut dbeta, mean, inv_std, gamma] = [(); 5].map(|()| bench.ones(columns));
    bench.moves("batch_norm_backward", &size, 4 * all + 5 * columns, |device| {
        let [mean, inv_std, gamma] =
            [&mean, &inv_std, &gamma].map(|column| D::view(column, 0..columns));
        let [dgamma, dbeta] =
            [&mut dgamma, &mut dbeta].map(|column| D::view_mut(column, 0..columns));
        device.batch_norm_backward(
            D::view_mut(&mut dx, 0..all),
            Some(AffineGradients { dgamma, dbeta }),
            D::view(&y, 0..all),
            D::view(&x, 0..all),
            mean,
            inv_std,
            gamma,
            shape,
            LEAKY_RELU,
            false,
        );
    });
}

//! Losses, gradient penalties, Adam, averages, and the iteration counter.

use gan_cuda::device::ops::{
    Adam, Average, Criterion, LossShape, Penalty, PenaltyShape, RING_COLUMNS, RING_ROWS,
    SoftmaxShape, Targets,
};

use crate::clock::Timed;
use crate::{Bench, layers, random};

const ADAM: Adam = Adam::constant(2e-4, [0.5, 0.999], 1e-8);
const AVERAGE: Average = Average { decay: 0.999, warmup: 0 };

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for [rows, _] in layers::random_inputs(|_| 1) {
        Criterion::ALL.iter().for_each(|&criterion| loss_forward_backward(bench, rows, criterion));
    }
    layers::labelled().iter().for_each(|&size| softmax_cross_entropy(bench, size));
    for size in layers::random_inputs(|settings| settings.image.pixels()) {
        images_interpolate(bench, size);
        penalty_forward_backward(bench, size);
        rows_scale(bench, size);
    }
    for &count in &layers::parameters() {
        adam_update(bench, count);
        average_update(bench, count);
    }
}

/// Reads x, writes dx, for real and generated images, and four numbers of the ring buffer.
fn loss_forward_backward<D: Timed>(bench: &mut Bench<'_, D>, rows: usize, criterion: Criterion) {
    let targets = Targets::RealThenFake;
    let shape = LossShape { rows, whole: rows, criterion, scale: 1.0, targets, real_label: 1.0 };
    let (parts, all) = (shape.parts(), shape.parts() * rows);
    let (x, mut dx, step) = (bench.numbers(all), bench.numbers(all), bench.step());
    let ring_len = RING_ROWS * RING_COLUMNS;
    let mut ring = bench.numbers(ring_len);
    let size = format!("{parts}x{rows}-{criterion:?}");
    bench.moves("loss_forward_backward", &size, 2 * all + 2 * parts, |device| {
        let (dx, ring) = (D::view_mut(&mut dx, 0..all), D::view_mut(&mut ring, 0..ring_len));
        device.loss_forward_backward(
            dx,
            ring,
            D::view(&x, 0..all),
            D::view(&step, 0..1),
            shape,
            None,
        );
    });
}

/// Reads x and the labels, writes dx and the losses.
fn softmax_cross_entropy<D: Timed>(bench: &mut Bench<'_, D>, [rows, classes]: [usize; 2]) {
    let (shape, all) = (SoftmaxShape { rows, classes }, rows * classes);
    let (x, labels) = (bench.numbers(all), random::labels(bench, rows, classes));
    let (mut dx, mut losses) = (bench.numbers(all), bench.numbers(rows));
    let (name, size) = ("softmax_cross_entropy_forward_backward", format!("{rows}x{classes}"));
    bench.moves(name, &size, 2 * all + 2 * rows, |device| {
        let (dx, losses) = (D::view_mut(&mut dx, 0..all), D::view_mut(&mut losses, 0..rows));
        let (x, labels) = (D::view(&x, 0..all), D::view(&labels, 0..rows));
        device.softmax_cross_entropy_forward_backward(dx, losses, x, labels, shape);
    });
}

/// Reads real and generated images, writes the points between them.
fn images_interpolate<D: Timed>(bench: &mut Bench<'_, D>, [rows, pixels]: [usize; 2]) {
    let all = rows * pixels;
    let (mut images, alpha) = (bench.numbers(3 * all), bench.ones(rows));
    bench.moves("images_interpolate", &format!("{rows}x{pixels}"), 3 * all, |device| {
        let images = D::view_mut(&mut images, 0..3 * all);
        device.images_interpolate(images, D::view(&alpha, 0..rows), pixels);
    });
}

/// Reads and writes the gradients. With a factor of the gradient of 1 they stay as they are.
fn penalty_forward_backward<D: Timed>(bench: &mut Bench<'_, D>, [rows, pixels]: [usize; 2]) {
    let (all, factor) = (rows * pixels, rows as f64 / 2.0);
    let penalty = Penalty::R1;
    let shape = PenaltyShape { rows, whole: rows, pixels, penalty, factor, scale: 1.0 };
    let (mut v, step) = (bench.numbers(all), bench.step());
    let ring_len = RING_ROWS * RING_COLUMNS;
    let mut ring = bench.numbers(ring_len);
    bench.moves("penalty_forward_backward", &format!("{rows}x{pixels}"), 2 * all, |device| {
        let (v, ring) = (D::view_mut(&mut v, 0..all), D::view_mut(&mut ring, 0..ring_len));
        device.penalty_forward_backward(v, ring, D::view(&step, 0..1), shape);
    });
}

/// Reads x and y, writes y.
fn rows_scale<D: Timed>(bench: &mut Bench<'_, D>, [rows, columns]: [usize; 2]) {
    let all = rows * columns;
    // Zeros, so that y stays as it is.
    let (mut y, x, weights) = (bench.numbers(all), bench.numbers(all), bench.zeros(rows));
    bench.moves("rows_scale", &format!("{rows}x{columns}"), 3 * all, |device| {
        let (y, x) = (D::view_mut(&mut y, 0..all), D::view(&x, 0..all));
        device.rows_scale(y, x, D::view(&weights, 0..rows), columns, true);
    });
}

/// Reads the average and the weights, writes the average.
fn average_update<D: Timed>(bench: &mut Bench<'_, D>, count: usize) {
    let ([mut average, p], step) = ([(); 2].map(|()| bench.ones(count)), bench.step());
    bench.moves("average_update", &count.to_string(), 3 * count, |device| {
        let (average, p) = (D::view_mut(&mut average, 0..count), D::view(&p, 0..count));
        device.average_update(average, p, D::view(&step, 0..1), AVERAGE);
    });
}

/// Reads value, gradient and both moments, writes value and moments.
fn adam_update<D: Timed>(bench: &mut Bench<'_, D>, count: usize) {
    let [mut p, mut m, mut v, g] = [(); 4].map(|()| bench.ones(count));
    let mut step = bench.device.allocate::<u32>(2).expect("memory");
    bench.moves("adam_update", &count.to_string(), 7 * count, |device| {
        let [p, m, v] = [&mut p, &mut m, &mut v].map(|buffer| D::view_mut(buffer, 0..count));
        let (step, g) = (D::view_mut(&mut step, 0..2), D::view(&g, 0..count));
        device.adam_update(p, m, v, step, None, g, ADAM, false);
    });
}

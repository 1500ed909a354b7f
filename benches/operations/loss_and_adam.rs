//! Losses, Adam, and the iteration counter.

use gan_cuda::device::ops::{
    Adam, Criterion, LossShape, RING_COLUMNS, RING_ROWS, SoftmaxShape, Targets,
};

use crate::clock::Timed;
use crate::{Bench, layers, random};

const ADAM: Adam = Adam { lr: 2e-4, b1: 0.5, b2: 0.999, eps: 1e-8 };

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for [rows, _] in layers::random_inputs(|_| 1) {
        Criterion::ALL.iter().for_each(|&criterion| loss_forward_backward(bench, rows, criterion));
    }
    layers::labelled().iter().for_each(|&size| softmax_cross_entropy(bench, size));
    layers::parameters().iter().for_each(|&count| adam_update(bench, count));
    let mut step = bench.step();
    bench.moves("step_advance", "1", 2, |device| {
        device.step_advance(D::view_mut(&mut step, 0..1));
    });
}

/// Reads x, writes dx, for real and generated images, and four numbers of the ring buffer.
fn loss_forward_backward<D: Timed>(bench: &mut Bench<'_, D>, rows: usize, criterion: Criterion) {
    let targets = Targets::RealThenFake;
    let (shape, all) = (LossShape { rows, criterion, scale: 1.0, targets }, targets.parts() * rows);
    let (x, mut dx, step) = (bench.numbers(all), bench.numbers(all), bench.step());
    let ring_len = RING_ROWS * RING_COLUMNS;
    let mut ring = bench.numbers(ring_len);
    let size = format!("{}x{rows}-{criterion:?}", targets.parts());
    bench.moves("loss_forward_backward", &size, 2 * all + 2 * targets.parts(), |device| {
        let (dx, ring) = (D::view_mut(&mut dx, 0..all), D::view_mut(&mut ring, 0..ring_len));
        device.loss_forward_backward(dx, ring, D::view(&x, 0..all), D::view(&step, 0..1), shape);
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

/// Reads value, gradient and both moments, writes value and moments.
fn adam_update<D: Timed>(bench: &mut Bench<'_, D>, count: usize) {
    let [mut p, mut m, mut v, g] = [(); 4].map(|()| bench.ones(count));
    let mut step = bench.device.allocate::<u32>(2).expect("memory");
    bench.moves("adam_update", &count.to_string(), 7 * count, |device| {
        let [p, m, v] = [&mut p, &mut m, &mut v].map(|buffer| D::view_mut(buffer, 0..count));
        let (step, g) = (D::view_mut(&mut step, 0..2), D::view(&g, 0..count));
        device.adam_update(p, m, v, step, g, ADAM);
    });
}

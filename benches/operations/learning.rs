//! Losses, Adam, and the iteration counter.

use gan_cuda::device::ops::{
    Adam, Judged, LossShape, RING_COLUMNS, RING_ROWS, Score, SoftmaxShape,
};

use crate::clock::Timed;
use crate::{Bench, inputs, layers};

const ADAM: Adam = Adam { lr: 2e-4, b1: 0.5, b2: 0.999, eps: 1e-8 };

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for [rows, _] in layers::inputs(|_| 1) {
        Score::ALL.iter().for_each(|&score| loss_forward_backward(bench, rows, score));
    }
    layers::labelled().iter().for_each(|&size| softmax_cross_entropy(bench, size));
    layers::parameters().iter().for_each(|&count| adam_update(bench, count));
    let mut step = bench.step();
    bench.moves("step_advance", "1", 2, |device| {
        device.step_advance(D::view_mut(&mut step, 0..1));
    });
}

/// For real and generated images reads x and writes dx; writes four numbers of the ring buffer.
fn loss_forward_backward<D: Timed>(bench: &mut Bench<'_, D>, rows: usize, score: Score) {
    let judged = Judged::RealThenFake;
    let (shape, all) = (LossShape { rows, score, scale: 1.0, judged }, judged.parts() * rows);
    let (x, mut dx, step) = (bench.numbers(all), bench.numbers(all), bench.step());
    let places = RING_ROWS * RING_COLUMNS;
    let mut ring = bench.numbers(places);
    let size = format!("{}x{rows}-{score:?}", judged.parts());
    bench.moves("loss_forward_backward", &size, 2 * all + 2 * judged.parts(), |device| {
        let (dx, ring) = (D::view_mut(&mut dx, 0..all), D::view_mut(&mut ring, 0..places));
        device.loss_forward_backward(dx, ring, D::view(&x, 0..all), D::view(&step, 0..1), shape);
    });
}

/// Reads x and the labels, writes dx and the losses.
fn softmax_cross_entropy<D: Timed>(bench: &mut Bench<'_, D>, [rows, classes]: [usize; 2]) {
    let (shape, all) = (SoftmaxShape { rows, classes }, rows * classes);
    let (x, labels) = (bench.numbers(all), inputs::labels(bench, rows, classes));
    let (mut dx, mut losses) = (bench.numbers(all), bench.numbers(rows));
    let (name, size) = ("softmax_cross_entropy_forward_backward", format!("{rows}x{classes}"));
    bench.moves(name, &size, 2 * all + 2 * rows, |device| {
        let (dx, losses) = (D::view_mut(&mut dx, 0..all), D::view_mut(&mut losses, 0..rows));
        let (x, labels) = (D::view(&x, 0..all), D::view(&labels, 0..rows));
        device.softmax_cross_entropy_forward_backward(dx, losses, x, labels, shape);
    });
}

/// Reads parameters, gradients and both moments, writes parameters and moments.
fn adam_update<D: Timed>(bench: &mut Bench<'_, D>, count: usize) {
    let [mut p, mut m, mut v, g] = [(); 4].map(|()| bench.ones(count));
    let mut step = bench.device.allocate::<u32>(2).expect("memory");
    bench.moves("adam_update", &count.to_string(), 7 * count, |device| {
        let [p, m, v] = [&mut p, &mut m, &mut v].map(|buffer| D::view_mut(buffer, 0..count));
        let (step, g) = (D::view_mut(&mut step, 0..2), D::view(&g, 0..count));
        device.adam_update(p, m, v, step, g, ADAM);
    });
}

//! Linear layers: three matrix multiplications, and the operations between them.

use gan_cuda::device::ops::{Activation, LinearShape, SingleOutput, SingleOutputGradients};

use crate::clock::Timed;
use crate::{Bench, layers};

const LEAKY_RELU: Activation = Activation::LeakyRelu { slope: 0.2 };

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    let shapes = layers::linear::<D>();
    shapes.iter().for_each(|&shape| linear_forward(bench, shape));
    let hidden = shapes.iter().filter(|shape| shape.outputs > 1);
    hidden.for_each(|&shape| linear_forward_to_single_output(bench, shape));
    shapes.iter().for_each(|&shape| linear_backward_weight(bench, shape));
    shapes.iter().for_each(|&shape| linear_backward_input(bench, shape));
    let single = shapes.iter().filter(|shape| shape.outputs == 1);
    single.for_each(|&shape| single_output_backward(bench, shape));
    for &size in &layers::activated() {
        activation_forward(bench, size);
        bias_activation_backward(bench, size);
    }
}

/// The size in a name, numbers in x, y and w, and floating-point operations.
fn extents(shape: LinearShape) -> (String, [usize; 3], usize) {
    let LinearShape { rows, inputs, outputs } = shape;
    let numbers = [rows * inputs, rows * outputs, outputs * inputs];
    (format!("{rows}x{inputs}x{outputs}"), numbers, 2 * rows * inputs * outputs)
}

fn linear_forward<D: Timed>(bench: &mut Bench<'_, D>, shape: LinearShape) {
    let (size, [wide, all, tall], flop) = extents(shape);
    let (x, mut y, w) = (bench.numbers(wide), bench.numbers(all), bench.numbers(tall));
    let b = bench.numbers(shape.outputs);
    bench.computes("linear_forward", &size, flop, |device| {
        let (y, b) = (D::view_mut(&mut y, 0..all), D::view(&b, 0..shape.outputs));
        let (x, w) = (D::view(&x, 0..wide), D::view(&w, 0..tall));
        device.linear_forward(y, x, w, Some(b), None, shape, LEAKY_RELU, 0);
    });
}

/// The multiplication, and a dot product for each row.
fn linear_forward_to_single_output<D: Timed>(bench: &mut Bench<'_, D>, shape: LinearShape) {
    let (size, [wide, all, tall], flop) = extents(shape);
    let (x, mut y, w) = (bench.numbers(wide), bench.numbers(all), bench.numbers(tall));
    let LinearShape { rows, outputs, .. } = shape;
    let [b, behind, mut o] = [outputs, outputs + 1, rows].map(|len| bench.numbers(len));
    let flop = flop + 2 * all;
    bench.computes("linear_forward_to_single_output", &size, flop, |device| {
        let (y, b) = (D::view_mut(&mut y, 0..all), D::view(&b, 0..outputs));
        let (x, w) = (D::view(&x, 0..wide), D::view(&w, 0..tall));
        let (w_behind, b_behind) = D::split(D::view(&behind, 0..outputs + 1), outputs);
        let output = SingleOutput { o: D::view_mut(&mut o, 0..rows), w: w_behind, b: b_behind };
        device.linear_forward_to_single_output(
            y,
            output,
            x,
            w,
            Some(b),
            None,
            shape,
            LEAKY_RELU,
            0,
        );
    });
}

fn linear_backward_weight<D: Timed>(bench: &mut Bench<'_, D>, shape: LinearShape) {
    let (size, [wide, all, tall], flop) = extents(shape);
    let (x, dz, mut dw) = (bench.numbers(wide), bench.numbers(all), bench.numbers(tall));
    bench.computes("linear_backward_weight", &size, flop, |device| {
        let (dz, x) = (D::view(&dz, 0..all), D::view(&x, 0..wide));
        device.linear_backward_weight(D::view_mut(&mut dw, 0..tall), dz, x, shape, false);
    });
}

fn linear_backward_input<D: Timed>(bench: &mut Bench<'_, D>, shape: LinearShape) {
    let (size, [wide, all, tall], flop) = extents(shape);
    let (mut dx, dz, w) = (bench.numbers(wide), bench.numbers(all), bench.numbers(tall));
    bench.computes("linear_backward_input", &size, flop, |device| {
        let (dz, w) = (D::view(&dz, 0..all), D::view(&w, 0..tall));
        let dx = D::view_mut(&mut dx, 0..wide);
        device.linear_backward_input(dx, dz, w, shape, 0..shape.inputs);
    });
}

/// Reads x, writes y.
fn activation_forward<D: Timed>(bench: &mut Bench<'_, D>, [rows, outputs]: [usize; 2]) {
    let (shape, all) = (LinearShape { rows, inputs: 1, outputs }, rows * outputs);
    let (mut y, x) = (bench.numbers(all), bench.numbers(all));
    bench.moves("activation_forward", &format!("{rows}x{outputs}"), 2 * all, |device| {
        let (y, x) = (D::view_mut(&mut y, 0..all), D::view(&x, 0..all));
        device.activation_forward(y, x, None, shape, LEAKY_RELU);
    });
}

/// Reads dy and y, writes dz, and db.
fn bias_activation_backward<D: Timed>(bench: &mut Bench<'_, D>, [rows, outputs]: [usize; 2]) {
    let (shape, all) = (LinearShape { rows, inputs: 1, outputs }, rows * outputs);
    let (mut dz, mut db, y) = (bench.numbers(all), bench.numbers(outputs), bench.ones(all));
    let size = format!("{rows}x{outputs}");
    bench.moves("bias_activation_backward", &size, 3 * all + outputs, |device| {
        let (dz, db) = (D::view_mut(&mut dz, 0..all), D::view_mut(&mut db, 0..outputs));
        let y = D::view(&y, 0..all);
        device.bias_activation_backward(dz, Some(db), y, None, None, shape, LEAKY_RELU, 0, false);
    });
}

/// Reads x, writes dx, and the gradients of weights and biases.
fn single_output_backward<D: Timed>(bench: &mut Bench<'_, D>, shape: LinearShape) {
    let LinearShape { rows, inputs, .. } = shape;
    let all = rows * inputs;
    let (mut dx, x, dz) = (bench.numbers(all), bench.ones(all), bench.numbers(rows));
    let [mut dbx, mut dw, mut db] = [inputs, inputs, 1].map(|len| bench.numbers(len));
    let w = bench.numbers(inputs);
    let size = format!("{rows}x{inputs}");
    bench.moves("single_output_backward", &size, 2 * all + 3 * inputs + rows, |device| {
        let gradients = SingleOutputGradients {
            dbx: Some(D::view_mut(&mut dbx, 0..inputs)),
            dw: D::view_mut(&mut dw, 0..inputs),
            db: D::view_mut(&mut db, 0..1),
        };
        let (dx, x) = (D::view_mut(&mut dx, 0..all), D::view(&x, 0..all));
        let (dz, w) = (D::view(&dz, 0..rows), D::view(&w, 0..inputs));
        let (gradients, again) = (Some(gradients), 0);
        device
            .single_output_backward(dx, gradients, dz, w, x, None, shape, LEAKY_RELU, again, false);
    });
}

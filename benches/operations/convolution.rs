//! Convolutions: forward, transposed, and the gradient of the weights.

use gan_cuda::device::ops::{Activation, ConvolutionShape};

use crate::clock::Timed;
use crate::{Bench, layers};

const LEAKY_RELU: Activation = Activation::LeakyRelu { slope: 0.2 };

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    products(bench);
    for (rows, extents) in layers::transposes() {
        image_transpose(bench, rows, extents);
    }
}

/// All operations except changes of layout.
pub fn products<D: Timed>(bench: &mut Bench<'_, D>) {
    let shapes = layers::convolutions();
    shapes.iter().for_each(|&shape| convolution_forward(bench, shape));
    shapes.iter().for_each(|&shape| convolution_transpose(bench, shape));
    shapes.iter().for_each(|&shape| convolution_backward_weight(bench, shape));
}

/// The size as text, and the floating-point operations.
fn extents(shape: ConvolutionShape) -> (String, usize) {
    let ConvolutionShape { rows, x_pixels, inputs, outputs, kernel, stride, .. } = shape;
    let [height, width] = x_pixels;
    let size = format!("{rows}x{inputs}x{height}x{width}-{outputs}-k{kernel}s{stride}");
    (size, 2 * shape.places() * shape.w_len())
}

fn convolution_forward<D: Timed>(bench: &mut Bench<'_, D>, shape: ConvolutionShape) {
    let (size, flop) = extents(shape);
    let lens = [shape.x_len(), shape.w_len(), shape.outputs];
    let [x, w, b] = lens.map(|len| bench.numbers(len));
    let (y_len, scratch) = (shape.y_len(), D::workspace(shape));
    let (mut y, mut workspace) = (bench.numbers(y_len), bench.zeros(scratch));
    bench.computes("convolution_forward", &size, flop, |device| {
        let (y, workspace) =
            (D::view_mut(&mut y, 0..y_len), D::view_mut(&mut workspace, 0..scratch));
        let (x, w) = (D::view(&x, 0..lens[0]), D::view(&w, 0..lens[1]));
        let (b, all) = (Some(D::view(&b, 0..lens[2])), 0..shape.outputs);
        device.convolution_forward(y, workspace, x, w, b, None, shape, all, LEAKY_RELU);
    });
}

fn convolution_transpose<D: Timed>(bench: &mut Bench<'_, D>, shape: ConvolutionShape) {
    let (size, flop) = extents(shape);
    let lens = [shape.y_len(), shape.w_len(), shape.inputs];
    let [y, w, b] = lens.map(|len| bench.numbers(len));
    let (x_len, scratch) = (shape.x_len(), D::workspace(shape));
    let (mut x, mut workspace) = (bench.numbers(x_len), bench.zeros(scratch));
    bench.computes("convolution_transpose", &size, flop, |device| {
        let (x, workspace) =
            (D::view_mut(&mut x, 0..x_len), D::view_mut(&mut workspace, 0..scratch));
        let (y, w) = (D::view(&y, 0..lens[0]), D::view(&w, 0..lens[1]));
        let (b, all) = (Some(D::view(&b, 0..lens[2])), 0..shape.inputs);
        device.convolution_transpose(x, workspace, y, w, b, None, shape, all, LEAKY_RELU);
    });
}

fn convolution_backward_weight<D: Timed>(bench: &mut Bench<'_, D>, shape: ConvolutionShape) {
    let (size, flop) = extents(shape);
    let lens = [shape.y_len(), shape.x_len()];
    let [dy, x] = lens.map(|len| bench.numbers(len));
    let (w_len, scratch) = (shape.w_len(), D::workspace(shape));
    let (mut dw, mut workspace) = (bench.numbers(w_len), bench.zeros(scratch));
    bench.computes("convolution_backward_weight", &size, flop, |device| {
        let dw = D::view_mut(&mut dw, 0..w_len);
        let workspace = D::view_mut(&mut workspace, 0..scratch);
        let (dy, x) = (D::view(&dy, 0..lens[0]), D::view(&x, 0..lens[1]));
        device.convolution_backward_weight(dw, workspace, dy, x, shape, false);
    });
}

/// Reads x, writes y.
fn image_transpose<D: Timed>(bench: &mut Bench<'_, D>, rows: usize, extents: [usize; 2]) {
    let all = rows * extents[0] * extents[1];
    let (mut y, x) = (bench.numbers(all), bench.numbers(all));
    let size = format!("{rows}x{}x{}", extents[0], extents[1]);
    bench.moves("image_transpose", &size, 2 * all, |device| {
        device.image_transpose(D::view_mut(&mut y, 0..all), D::view(&x, 0..all), rows, extents);
    });
}

//! Spectral normalization of weights.

use gan_cuda::device::ops::SpectralNormShape;

use crate::clock::Timed;
use crate::{Bench, layers};

pub fn all<D: Timed>(bench: &mut Bench<'_, D>) {
    for (rows, columns, transposed) in layers::weights::<D>() {
        let shape = SpectralNormShape { rows, columns, stride: columns, transposed };
        spectral_norm_forward(bench, shape);
        spectral_norm_backward(bench, shape);
    }
}

fn size(shape: SpectralNormShape) -> String {
    let layer = if shape.transposed { "convolution" } else { "linear" };
    format!("{}x{}-{layer}", shape.rows, shape.columns)
}

/// With an iteration: reads w three times, writes w_bar; the vectors are small.
fn spectral_norm_forward<D: Timed>(bench: &mut Bench<'_, D>, shape: SpectralNormShape) {
    let (all, rows, columns) = (shape.w_len(), shape.u_len(), shape.v_len());
    let (w, mut w_bar) = (bench.numbers(all), bench.numbers(all));
    let (mut u, mut v, mut sigma) = (bench.halves(rows), bench.halves(columns), bench.zeros(1));
    bench.moves("spectral_norm_forward", &size(shape), 4 * all, |device| {
        let (w_bar, w) = (D::view_mut(&mut w_bar, 0..all), D::view(&w, 0..all));
        let (u, v) = (D::view_mut(&mut u, 0..rows), D::view_mut(&mut v, 0..columns));
        device.spectral_norm_forward(w_bar, u, v, D::view_mut(&mut sigma, 0..1), w, shape, true);
    });
}

/// Reads dw twice and w_bar, writes dw.
fn spectral_norm_backward<D: Timed>(bench: &mut Bench<'_, D>, shape: SpectralNormShape) {
    let (all, rows, columns) = (shape.w_len(), shape.u_len(), shape.v_len());
    // With these vectors and σ, the gradient stays in range however often it is replaced.
    let (mut dw, w_bar, sigma) = (bench.ones(all), bench.numbers(all), bench.ones(1));
    let (u, v) = (bench.zeros(rows), bench.zeros(columns));
    bench.moves("spectral_norm_backward", &size(shape), 4 * all, |device| {
        let (dw, w_bar) = (D::view_mut(&mut dw, 0..all), D::view(&w_bar, 0..all));
        let (u, v) = (D::view(&u, 0..rows), D::view(&v, 0..columns));
        device.spectral_norm_backward(dw, w_bar, u, v, D::view(&sigma, 0..1), shape);
    });
}

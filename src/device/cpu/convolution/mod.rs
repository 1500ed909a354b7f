//! Convolutions on the CPU: products whose left factor is windows of an image.
//!
//! - `axis`, `window`: where the numbers of a window are, `runs`: copying them,
//! - `ahead`: fetching memory that is needed soon,
//! - `plain`: loops over outputs, for double precision,
//! - `product`: both kinds of convolutions by tiles of matrix products,
//! - `few`: transposed ones to images of few channels,
//! - `weight`: the same for the gradient of the weights,
//! - `winograd`: all three by fewer multiplications, if a person asks for it.
//!
//! There is no buffer of windows. Products read them where they lie in the images; those of few channels
//! are brought together, a block at a time, where a matrix product packs its left factor.

mod ahead;
mod axis;
mod few;
mod plain;
mod product;
mod runs;
#[cfg(test)]
mod tests;
mod weight;
mod window;
mod winograd;

use std::ops::Range;

use super::gemm::pack::transpose_matrix;
use super::gemm::{Matrix, Multiply};
use super::simd::vectorized;
use super::team::Team;
use super::{Cpu, CpuReal, activation};
use crate::device::ConvolutionForm;
use crate::device::ops::{Activation, Convolution, ConvolutionShape, contract};

/// Channels below which a transposed convolution is a product for all places of the kernel: a tile of
/// these alone would be mostly empty.
const FEW_CHANNELS: usize = 4;

/// Number types that have convolutions. `finish` is called once for every pixel of the output as soon
/// as it is complete, or for several neighbours together, with the number of the first.
#[allow(clippy::too_many_arguments)]
pub(crate) trait Convolve: Sized {
    /// y = x∗w, some channels of it.
    fn forward(
        team: &Team,
        form: ConvolutionForm,
        y: &mut [Self],
        x: &[Self],
        w: &[Self],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [Self]) + Sync,
    );

    /// x = wᵀ∗y, some channels of it.
    fn transpose(
        team: &Team,
        form: ConvolutionForm,
        x: &mut [Self],
        y: &[Self],
        w: &[Self],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [Self]) + Sync,
    );

    /// The gradient of w.
    fn backward_weight(
        team: &Team,
        form: ConvolutionForm,
        dw: &mut [Self],
        dy: &[Self],
        x: &[Self],
        shape: ConvolutionShape,
        accumulate: bool,
    );

    /// y = xᵀ, where x has so many rows and columns.
    fn transpose_image(y: &mut [Self], x: &[Self], extents: [usize; 2]);
}

impl Convolve for f64 {
    fn forward(
        team: &Team,
        _form: ConvolutionForm,
        y: &mut [f64],
        x: &[f64],
        w: &[f64],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        plain::forward(team, y, x, w, shape, channels, finish);
    }

    fn transpose(
        team: &Team,
        _form: ConvolutionForm,
        x: &mut [f64],
        y: &[f64],
        w: &[f64],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        plain::transpose(team, x, y, w, shape, channels, finish);
    }

    fn backward_weight(
        team: &Team,
        _form: ConvolutionForm,
        dw: &mut [f64],
        dy: &[f64],
        x: &[f64],
        shape: ConvolutionShape,
        accumulate: bool,
    ) {
        plain::backward_weight(team, dw, dy, x, shape, accumulate);
    }

    fn transpose_image(y: &mut [f64], x: &[f64], extents: [usize; 2]) {
        plain::transpose_image(y, x, extents);
    }
}

impl Convolve for f32 {
    fn forward(
        team: &Team,
        form: ConvolutionForm,
        y: &mut [f32],
        x: &[f32],
        w: &[f32],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        match form == ConvolutionForm::Winograd && winograd::pays(&shape, channels.len()) {
            true => winograd::forward(team, y, x, w, shape, channels, finish),
            false => product::forward(team, y, x, w, shape, channels, finish),
        }
    }

    fn transpose(
        team: &Team,
        form: ConvolutionForm,
        x: &mut [f32],
        y: &[f32],
        w: &[f32],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        if form == ConvolutionForm::Winograd && winograd::pays(&shape, channels.len()) {
            return winograd::transpose(team, x, y, w, shape, channels, finish);
        }
        match channels.len() {
            _ if is_one_window(&shape) && channels.len() == shape.inputs => {
                one_window(team, x, y, w, shape, finish);
            }
            0..FEW_CHANNELS => few::transpose(team, x, y, w, shape, channels, finish),
            _ => product::transpose(team, x, y, w, shape, channels, finish),
        }
    }

    fn backward_weight(
        team: &Team,
        form: ConvolutionForm,
        dw: &mut [f32],
        dy: &[f32],
        x: &[f32],
        shape: ConvolutionShape,
        accumulate: bool,
    ) {
        match form == ConvolutionForm::Winograd && winograd::pays(&shape, shape.outputs) {
            true => winograd::backward_weight(team, dw, dy, x, shape, accumulate),
            false => weight::backward_weight(team, dw, dy, x, shape, accumulate),
        }
    }

    fn transpose_image(y: &mut [f32], x: &[f32], extents: [usize; 2]) {
        transpose_matrix(y, x, extents);
    }
}

/// Whether an image x has one window, which is all of it.
fn is_one_window(shape: &ConvolutionShape) -> bool {
    (shape.y_pixels, shape.x_pixels) == ([1, 1], [shape.kernel; 2]) && shape.padding == 0
}

/// A transposed convolution of single pixels: images are matrix products.
fn one_window(
    team: &Team,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let ConvolutionShape { rows, inputs, outputs, .. } = shape;
    let window = shape.window();
    let y = Matrix { data: y, rows, columns: outputs, row_stride: outputs, column_stride: 1 };
    let w =
        Matrix { data: w, rows: outputs, columns: window, row_stride: 1, column_stride: outputs };
    f32::multiply(team, x, y, w, false, |_| {});
    team.chunks(x, inputs, |at, x| {
        vectorized(
            #[inline(always)]
            || finish(at / inputs, x),
        )
    });
}

impl<T: CpuReal> Convolution for Cpu<T> {
    fn workspace(_shape: ConvolutionShape) -> usize {
        0
    }

    fn convolution_forward(
        &self,
        y: &mut [T],
        _workspace: &mut [T],
        x: &[T],
        w: &[T],
        b: Option<&[T]>,
        mask: Option<&[T]>,
        shape: ConvolutionShape,
        channels: Range<usize>,
        activation: Activation,
    ) {
        let (b_len, mask_len) = (b.as_ref(), mask.as_ref());
        contract::convolution_forward(&y, &x, &w, b_len, mask_len, shape, &channels);
        let width = channels.len();
        T::forward(
            &self.team,
            self.form,
            y,
            x,
            w,
            shape,
            channels,
            #[inline(always)]
            |pixel, y| finish(pixel, y, width, b, mask, activation),
        );
    }

    fn convolution_transpose(
        &self,
        x: &mut [T],
        _workspace: &mut [T],
        y: &[T],
        w: &[T],
        b: Option<&[T]>,
        mask: Option<&[T]>,
        shape: ConvolutionShape,
        channels: Range<usize>,
        activation: Activation,
    ) {
        let (b_len, mask_len) = (b.as_ref(), mask.as_ref());
        contract::convolution_transpose(&x, &y, &w, b_len, mask_len, shape, &channels);
        let width = channels.len();
        T::transpose(
            &self.team,
            self.form,
            x,
            y,
            w,
            shape,
            channels,
            #[inline(always)]
            |pixel, x| finish(pixel, x, width, b, mask, activation),
        );
    }

    fn convolution_backward_weight(
        &self,
        dw: &mut [T],
        _workspace: &mut [T],
        dy: &[T],
        x: &[T],
        shape: ConvolutionShape,
        accumulate: bool,
    ) {
        contract::convolution_backward_weight(&dw, &dy, &x, shape);
        T::backward_weight(&self.team, self.form, dw, dy, x, shape, accumulate);
    }

    fn image_transpose(&self, y: &mut [T], x: &[T], rows: usize, extents: [usize; 2]) {
        let [height, width] = extents;
        contract::image_transpose(&y, &x, rows, height, width);
        let len = height * width;
        self.team.chunks(y, len, |at, y| {
            for (y, x) in y.chunks_exact_mut(len).zip(x[at..].chunks_exact(len)) {
                T::transpose_image(y, x, extents);
            }
        });
    }
}

/// What follows a sum of products: y ← activation(mask ⊙ (y + b)), for the channels of pixels from this
/// one on.
#[inline(always)]
fn finish<T: CpuReal>(
    pixel: usize,
    y: &mut [T],
    channels: usize,
    b: Option<&[T]>,
    mask: Option<&[T]>,
    activation: Activation,
) {
    if let Some(b) = b {
        for y in y.chunks_exact_mut(channels) {
            y.iter_mut().zip(b).for_each(|(y, &b)| *y += b);
        }
    }
    if let Some(mask) = mask {
        let mask = &mask[pixel * channels..][..y.len()];
        y.iter_mut().zip(mask).for_each(|(y, &m)| *y = *y * m);
    }
    activation::apply(activation, y);
}

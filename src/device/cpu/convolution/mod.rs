//! Convolutions on the CPU: matrix multiplications whose left operand is the windows of an image.
//!
//! - `axis`, `window`: the position of windows in an image; `runs`: copying them,
//! - `prefetch`: prefetching memory,
//! - `reference`: plain loops over outputs, for double precision,
//! - `implicit_gemm`: convolutions and transposed convolutions by tiles of matrix multiplications,
//! - `col2im`: transposed convolutions to few channels,
//! - `weight`: the gradient of the weights,
//! - `winograd`: all three with fewer multiplications, an option.
//!
//! There is no im2col buffer. Tiles read the windows in place from the images; windows of few channels
//! are gathered block by block, where a matrix multiplication packs its left operand.

mod axis;
mod col2im;
mod implicit_gemm;
mod prefetch;
mod reference;
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
use super::thread_pool::ThreadPool;
use super::{Cpu, CpuReal, activation};
use crate::device::ConvolutionForm;
use crate::device::ops::{Activation, Convolution, ConvolutionShape, contract};

/// With fewer channels than this, a transposed convolution uses GEMM and col2im: a tile whose columns
/// are the channels would be mostly empty.
const FEW_CHANNELS: usize = 4;

/// Element types that have convolutions. `finish` is called once for every pixel of the output as soon
/// as it is complete, or for several consecutive pixels, with the index of the first.
#[allow(clippy::too_many_arguments)]
pub(crate) trait Convolve: Sized {
    /// y = x∗w, restricted to some channels.
    fn forward(
        pool: &ThreadPool,
        form: ConvolutionForm,
        y: &mut [Self],
        x: &[Self],
        w: &[Self],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [Self]) + Sync,
    );

    /// x = wᵀ∗y, restricted to some channels.
    fn transpose(
        pool: &ThreadPool,
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
        pool: &ThreadPool,
        form: ConvolutionForm,
        dw: &mut [Self],
        dy: &[Self],
        x: &[Self],
        shape: ConvolutionShape,
        accumulate: bool,
    );

    /// y = xᵀ, where x is (rows, columns).
    fn transpose_image(y: &mut [Self], x: &[Self], extents: [usize; 2]);
}

impl Convolve for f64 {
    fn forward(
        pool: &ThreadPool,
        _form: ConvolutionForm,
        y: &mut [f64],
        x: &[f64],
        w: &[f64],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        reference::forward(pool, y, x, w, shape, channels, finish);
    }

    fn transpose(
        pool: &ThreadPool,
        _form: ConvolutionForm,
        x: &mut [f64],
        y: &[f64],
        w: &[f64],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f64]) + Sync,
    ) {
        reference::transpose(pool, x, y, w, shape, channels, finish);
    }

    fn backward_weight(
        pool: &ThreadPool,
        _form: ConvolutionForm,
        dw: &mut [f64],
        dy: &[f64],
        x: &[f64],
        shape: ConvolutionShape,
        accumulate: bool,
    ) {
        reference::backward_weight(pool, dw, dy, x, shape, accumulate);
    }

    fn transpose_image(y: &mut [f64], x: &[f64], extents: [usize; 2]) {
        reference::transpose_image(y, x, extents);
    }
}

impl Convolve for f32 {
    fn forward(
        pool: &ThreadPool,
        form: ConvolutionForm,
        y: &mut [f32],
        x: &[f32],
        w: &[f32],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        match form == ConvolutionForm::Winograd && winograd::is_worthwhile(&shape, channels.len()) {
            true => winograd::forward(pool, y, x, w, shape, channels, finish),
            false => implicit_gemm::forward(pool, y, x, w, shape, channels, finish),
        }
    }

    fn transpose(
        pool: &ThreadPool,
        form: ConvolutionForm,
        x: &mut [f32],
        y: &[f32],
        w: &[f32],
        shape: ConvolutionShape,
        channels: Range<usize>,
        finish: impl Fn(usize, &mut [f32]) + Sync,
    ) {
        if form == ConvolutionForm::Winograd && winograd::is_worthwhile(&shape, channels.len()) {
            return winograd::transpose(pool, x, y, w, shape, channels, finish);
        }
        match channels.len() {
            _ if has_single_window(&shape) && channels.len() == shape.inputs => {
                single_window(pool, x, y, w, shape, finish);
            }
            0..FEW_CHANNELS => col2im::transpose(pool, x, y, w, shape, channels, finish),
            _ => implicit_gemm::transpose(pool, x, y, w, shape, channels, finish),
        }
    }

    fn backward_weight(
        pool: &ThreadPool,
        form: ConvolutionForm,
        dw: &mut [f32],
        dy: &[f32],
        x: &[f32],
        shape: ConvolutionShape,
        accumulate: bool,
    ) {
        match form == ConvolutionForm::Winograd && winograd::is_worthwhile(&shape, shape.outputs) {
            true => winograd::backward_weight(pool, dw, dy, x, shape, accumulate),
            false => weight::backward_weight(pool, dw, dy, x, shape, accumulate),
        }
    }

    fn transpose_image(y: &mut [f32], x: &[f32], extents: [usize; 2]) {
        transpose_matrix(y, x, extents);
    }
}

/// Whether an image x has a single window, which is the whole image.
fn has_single_window(shape: &ConvolutionShape) -> bool {
    (shape.y_pixels, shape.x_pixels) == ([1, 1], [shape.kernel; 2]) && shape.padding == 0
}

/// A transposed convolution of single pixels: one matrix multiplication gives the images.
fn single_window(
    pool: &ThreadPool,
    x: &mut [f32],
    y: &[f32],
    w: &[f32],
    shape: ConvolutionShape,
    finish: impl Fn(usize, &mut [f32]) + Sync,
) {
    let ConvolutionShape { rows, inputs, outputs, .. } = shape;
    let window = shape.window_len();
    let y = Matrix { data: y, rows, columns: outputs, row_stride: outputs, column_stride: 1 };
    let w =
        Matrix { data: w, rows: outputs, columns: window, row_stride: 1, column_stride: outputs };
    f32::multiply(pool, x, y, w, false, |_| {});
    pool.chunks(x, inputs, |at, x| {
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
            &self.pool,
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
            &self.pool,
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
        T::backward_weight(&self.pool, self.form, dw, dy, x, shape, accumulate);
    }

    fn image_transpose(&self, y: &mut [T], x: &[T], rows: usize, extents: [usize; 2]) {
        let [height, width] = extents;
        contract::image_transpose(&y, &x, rows, height, width);
        let len = height * width;
        self.pool.chunks(y, len, |at, y| {
            for (y, x) in y.chunks_exact_mut(len).zip(x[at..].chunks_exact(len)) {
                T::transpose_image(y, x, extents);
            }
        });
    }
}

/// The epilogue: y ← activation(mask ⊙ (y + b)), for the pixels from this one on.
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

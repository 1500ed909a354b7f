//! Convolutions and transposed convolutions.
//!
//! Images are stored channels last (NHWC): x (rows, height, width, channels), so the channels of a
//! pixel, and all numbers in a row of a window, are contiguous. Weights are (kernel, kernel, inputs,
//! outputs).
//!
//! A transposed convolution is the gradient of a convolution with respect to its input, and vice
//! versa, so both layers need only three operations.

use std::ops::Range;

use super::Activation;
use crate::device::{In, Memory, Out};

/// Extents of a convolution from x to y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Images in the batch.
    pub rows: usize,
    /// Height and width of x.
    pub x_pixels: [usize; 2],
    /// Height and width of y.
    pub y_pixels: [usize; 2],
    /// Channels of x.
    pub inputs: usize,
    /// Channels of y.
    pub outputs: usize,
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Pixels of x from one position of the kernel to the next.
    pub stride: usize,
    /// Width of the zero padding around x.
    pub padding: usize,
}

impl ConvolutionShape {
    /// Elements of x.
    pub fn x_len(&self) -> usize {
        self.rows * self.x_pixels[0] * self.x_pixels[1] * self.inputs
    }

    /// Positions of the kernel in all images: pixels of y.
    pub fn positions(&self) -> usize {
        self.rows * self.y_pixels[0] * self.y_pixels[1]
    }

    /// Elements of y.
    pub fn y_len(&self) -> usize {
        self.positions() * self.outputs
    }

    /// Elements of a window: the part of x under the kernel at one position.
    pub fn window_len(&self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    /// Elements of w.
    pub fn w_len(&self) -> usize {
        self.window_len() * self.outputs
    }
}

/// [Convolutions](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html) and
/// [transposed ones](https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html),
/// with bias, dropout mask and activation.
///
/// The operations take a workspace of [`Convolution::workspace`] elements; its content is
/// unspecified before and after.
pub trait Convolution: Memory {
    /// Elements of the workspace for these extents.
    fn workspace(shape: ConvolutionShape) -> usize;

    /// y = activation(mask ⊙ (x∗w + b)), restricted to the given channels of y:
    /// (x∗w)\[n, r, c, o\] = Σ x\[n, r·stride + i − padding, c·stride + j − padding, q\]·w\[i, j, q, o\]
    /// over i, j, q; x is zero-padded.
    ///
    /// y (rows, y_pixels, channels.len()), x (rows, x_pixels, inputs), w (kernel, kernel, inputs,
    /// outputs), b (channels.len()) or none, mask like y or none.
    fn convolution_forward(
        &self,
        y: Out<'_, Self>,
        workspace: Out<'_, Self>,
        x: In<'_, Self>,
        w: In<'_, Self>,
        b: Option<In<'_, Self>>,
        mask: Option<In<'_, Self>>,
        shape: ConvolutionShape,
        channels: Range<usize>,
        activation: Activation,
    );

    /// x = activation(mask ⊙ (wᵀ∗y + b)), restricted to the given channels of x:
    /// (wᵀ∗y)\[n, s, t, q\] = Σ y\[n, r, c, o\]·w\[i, j, q, o\]
    /// over o and all r, i with r·stride + i − padding = s, and c, j with c·stride + j − padding = t.
    ///
    /// The transposed convolution of y. Applied to the gradient of a convolution's y, it gives the
    /// gradient of its x.
    /// x (rows, x_pixels, channels.len()), y (rows, y_pixels, outputs), w (kernel, kernel, inputs,
    /// outputs), b (channels.len()) or none, mask like x or none.
    fn convolution_transpose(
        &self,
        x: Out<'_, Self>,
        workspace: Out<'_, Self>,
        y: In<'_, Self>,
        w: In<'_, Self>,
        b: Option<In<'_, Self>>,
        mask: Option<In<'_, Self>>,
        shape: ConvolutionShape,
        channels: Range<usize>,
        activation: Activation,
    );

    /// dw\[i, j, q, o\] = Σ x\[n, r·stride + i − padding, c·stride + j − padding, q\]·dy\[n, r, c, o\]
    /// over n, r, c; with `accumulate` added to the existing values.
    ///
    /// dw (kernel, kernel, inputs, outputs), dy (rows, y_pixels, outputs), x (rows, x_pixels, inputs).
    /// For a transposed convolution, pass the gradient of its output as x, and its input as dy.
    fn convolution_backward_weight(
        &self,
        dw: Out<'_, Self>,
        workspace: Out<'_, Self>,
        dy: In<'_, Self>,
        x: In<'_, Self>,
        shape: ConvolutionShape,
        accumulate: bool,
    );

    /// y\[n, j, i\] = x\[n, i, j\]: converts images from channels first (NCHW) to channels last (NHWC),
    /// or back.
    ///
    /// y (rows, extents\[1\], extents\[0\]), x (rows, extents\[0\], extents\[1\]).
    fn image_transpose(&self, y: Out<'_, Self>, x: In<'_, Self>, rows: usize, extents: [usize; 2]);
}

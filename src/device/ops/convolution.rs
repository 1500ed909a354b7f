//! Convolutions, and the transposed ones.
//!
//! Images are stored channels last: x (rows, height, width, channels), so that the channels of a pixel
//! are neighbours, and those of a row of the kernel too. Weights are (kernel, kernel, inputs, outputs).
//!
//! A transposed convolution is the gradient of a convolution with respect to its input, and a
//! convolution that of a transposed one: three operations are all that both layers need.

use std::ops::Range;

use super::Activation;
use crate::device::{In, Memory, Out};

/// Extents of a convolution of x to y.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionShape {
    /// Images of the batch.
    pub rows: usize,
    /// Rows and columns of pixels of x.
    pub x_pixels: [usize; 2],
    /// Rows and columns of pixels of y.
    pub y_pixels: [usize; 2],
    /// Channels of x.
    pub inputs: usize,
    /// Channels of y.
    pub outputs: usize,
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Pixels of x from one place of the kernel to the next.
    pub stride: usize,
    /// Rows and columns of zeros around x.
    pub padding: usize,
}

impl ConvolutionShape {
    /// Numbers of x.
    pub fn x_len(&self) -> usize {
        self.rows * self.x_pixels[0] * self.x_pixels[1] * self.inputs
    }

    /// Places of the kernel, in all images: pixels of y.
    pub fn places(&self) -> usize {
        self.rows * self.y_pixels[0] * self.y_pixels[1]
    }

    /// Numbers of y.
    pub fn y_len(&self) -> usize {
        self.places() * self.outputs
    }

    /// Numbers of x under the kernel at one of its places.
    pub fn window(&self) -> usize {
        self.kernel * self.kernel * self.inputs
    }

    /// Numbers of w.
    pub fn w_len(&self) -> usize {
        self.window() * self.outputs
    }
}

/// [Convolutions](https://docs.pytorch.org/docs/stable/generated/torch.nn.Conv2d.html) and
/// [transposed ones](https://docs.pytorch.org/docs/stable/generated/torch.nn.ConvTranspose2d.html),
/// with what follows them.
///
/// The operations take a workspace of [`Convolution::workspace`] numbers, of any value before and
/// after.
pub trait Convolution: Memory {
    /// Numbers in the workspace of operations on these extents.
    fn workspace(shape: ConvolutionShape) -> usize;

    /// y = activation(mask ⊙ (x∗w + b)), only the given channels of it:
    /// (x∗w)\[n, r, c, o\] = Σ x\[n, r·stride + i − padding, c·stride + j − padding, q\]·w\[i, j, q, o\]
    /// over i, j, q; x is 0 beyond its edges.
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

    /// x = activation(mask ⊙ (wᵀ∗y + b)), only the given channels of it:
    /// (wᵀ∗y)\[n, s, t, q\] = Σ y\[n, r, c, o\]·w\[i, j, q, o\]
    /// over o and all r, i with r·stride + i − padding = s, and c, j with c·stride + j − padding = t.
    ///
    /// A transposed convolution of y; of the gradient of a convolution's y, the gradient of its x.
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
    /// over n, r, c; with `accumulate` added to what is there.
    ///
    /// dw (kernel, kernel, inputs, outputs), dy (rows, y_pixels, outputs), x (rows, x_pixels, inputs).
    /// Of a transposed convolution x is the gradient of what it has made, and dy what it was made of.
    fn convolution_backward_weight(
        &self,
        dw: Out<'_, Self>,
        workspace: Out<'_, Self>,
        dy: In<'_, Self>,
        x: In<'_, Self>,
        shape: ConvolutionShape,
        accumulate: bool,
    );

    /// y\[n, j, i\] = x\[n, i, j\]: from planes, an image's channels one behind the other, to pixels,
    /// channels last, or back.
    ///
    /// y (rows, extents\[1\], extents\[0\]), x (rows, extents\[0\], extents\[1\]).
    fn image_transpose(&self, y: Out<'_, Self>, x: In<'_, Self>, rows: usize, extents: [usize; 2]);
}

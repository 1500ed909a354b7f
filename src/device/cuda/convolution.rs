//! Convolutions on CUDA: windows gathered by a kernel of ours, multiplied by cuBLAS.
//!
//! All of it is queued on the main stream, gradients of weights too: one layer's product fills a GPU,
//! and so the windows of all can take turns in one workspace.

use std::ops::Range;

use super::Cuda;
use super::gemm::Factor;
use super::memory::{View, ViewMut};
use crate::device::ops::{Activation, Convolution, ConvolutionShape, contract};

impl Convolution for Cuda {
    /// The windows at all places of the kernel.
    fn workspace(shape: ConvolutionShape) -> usize {
        shape.places() * shape.window()
    }

    fn convolution_forward(
        &self,
        mut y: ViewMut<'_, f32>,
        mut workspace: ViewMut<'_, f32>,
        x: View<'_, f32>,
        w: View<'_, f32>,
        b: Option<View<'_, f32>>,
        mask: Option<View<'_, f32>>,
        shape: ConvolutionShape,
        channels: Range<usize>,
        activation: Activation,
    ) {
        let (b_len, mask_len) = (b.as_ref(), mask.as_ref());
        contract::convolution_forward(&y, &x, &w, b_len, mask_len, shape, &channels);
        self.gather(workspace.again(), x, shape);
        let (places, window, width) = (shape.places(), shape.window(), channels.len());
        let windows = Factor::new(workspace.read(), window);
        let w = Factor::new(w.from(channels.start), shape.outputs);
        self.multiply(&self.blas, y.again(), windows, w, (places, width, window), false);
        self.bias_activation_forward(y, b, mask, places, width, activation);
    }

    fn convolution_transpose(
        &self,
        x: ViewMut<'_, f32>,
        mut workspace: ViewMut<'_, f32>,
        y: View<'_, f32>,
        w: View<'_, f32>,
        b: Option<View<'_, f32>>,
        mask: Option<View<'_, f32>>,
        shape: ConvolutionShape,
        channels: Range<usize>,
        activation: Activation,
    ) {
        let (b_len, mask_len) = (b.as_ref(), mask.as_ref());
        contract::convolution_transpose(&x, &y, &w, b_len, mask_len, shape, &channels);
        let (places, window, outputs) = (shape.places(), shape.window(), shape.outputs);
        let (y, wt) = (Factor::new(y, outputs), Factor::transposed(w, outputs));
        self.multiply(&self.blas, workspace.again(), y, wt, (places, window, outputs), false);
        let (kind, slope) = activation.code();
        self.gpu.kernels.convolution_sum(
            self.elements(x.len()),
            x,
            workspace.read(),
            b,
            mask,
            shape.rows,
            shape.x_pixels[0],
            shape.x_pixels[1],
            shape.y_pixels[0],
            shape.y_pixels[1],
            channels.len(),
            shape.inputs,
            channels.start,
            shape.kernel,
            shape.stride,
            shape.padding,
            kind,
            slope,
        );
    }

    fn convolution_backward_weight(
        &self,
        dw: ViewMut<'_, f32>,
        mut workspace: ViewMut<'_, f32>,
        dy: View<'_, f32>,
        x: View<'_, f32>,
        shape: ConvolutionShape,
        accumulate: bool,
    ) {
        contract::convolution_backward_weight(&dw, &dy, &x, shape);
        self.gather(workspace.again(), x, shape);
        let (places, window, outputs) = (shape.places(), shape.window(), shape.outputs);
        let windows = Factor::transposed(workspace.read(), window);
        let dy = Factor::new(dy, outputs);
        self.multiply(&self.blas, dw, windows, dy, (window, outputs, places), accumulate);
    }

    fn image_transpose(
        &self,
        y: ViewMut<'_, f32>,
        x: View<'_, f32>,
        rows: usize,
        extents: [usize; 2],
    ) {
        let [height, width] = extents;
        let launch = self.elements(rows * height * width);
        self.gpu.kernels.image_transpose(launch, y, x, rows, height, width);
    }
}

impl Cuda {
    fn gather(&self, windows: ViewMut<'_, f32>, x: View<'_, f32>, shape: ConvolutionShape) {
        self.gpu.kernels.convolution_gather(
            self.elements(windows.len()),
            windows,
            x,
            shape.rows,
            shape.x_pixels[0],
            shape.x_pixels[1],
            shape.y_pixels[0],
            shape.y_pixels[1],
            shape.inputs,
            shape.kernel,
            shape.stride,
            shape.padding,
        );
    }
}

//! Convolutions on CUDA: im2col by our kernel, matrix multiplication by cuBLAS; transposed
//! convolutions by cuBLAS, then col2im by our kernel.
//!
//! Everything is queued on the main stream, weight gradients too: one layer's multiplication fills a
//! GPU, and all layers can share one workspace for their windows.

use std::ops::Range;

use super::Cuda;
use super::gemm::Operand;
use super::memory::{View, ViewMut};
use crate::device::ops::{Activation, Convolution, ConvolutionShape, contract};

impl Convolution for Cuda {
    /// The im2col matrix: the window at each position of the kernel.
    fn workspace(shape: ConvolutionShape) -> usize {
        shape.positions() * shape.window_len()
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
        self.gather(workspace.reborrow(), x, shape);
        let (positions, window, width) = (shape.positions(), shape.window_len(), channels.len());
        let windows = Operand::new(workspace.read(), window);
        let w = Operand::new(w.from(channels.start), shape.outputs);
        self.multiply(&self.blas, y.reborrow(), windows, w, (positions, width, window), false);
        self.bias_activation_forward(y, b, mask, (positions, width), activation, 0);
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
        let (positions, window, outputs) = (shape.positions(), shape.window_len(), shape.outputs);
        let (y, wt) = (Operand::new(y, outputs), Operand::transposed(w, outputs));
        self.multiply(&self.blas, workspace.reborrow(), y, wt, (positions, window, outputs), false);
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
        self.gather(workspace.reborrow(), x, shape);
        let (positions, window, outputs) = (shape.positions(), shape.window_len(), shape.outputs);
        let windows = Operand::transposed(workspace.read(), window);
        let dy = Operand::new(dy, outputs);
        self.multiply(&self.blas, dw, windows, dy, (window, outputs, positions), accumulate);
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
    /// im2col.
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

//! Spectral normalization on CUDA: products of the weights and a vector by blocks of rows or columns,
//! norms by one block.
//!
//! The products are kept in w_bar until it is computed.

use super::Cuda;
use super::launch::parts;
use super::memory::{View, ViewMut};
use crate::device::ops::{SPECTRAL_NORM_EPS, SpectralNorm, SpectralNormShape, contract};

/// Fewest elements of a partial sum of ⟨dw, w_bar⟩.
const DOT_ELEMENTS: usize = 8 * 1024;
/// Most partial sums: a few blocks per multiprocessor of a large GPU.
const MAX_DOTS: usize = 512;

impl SpectralNorm for Cuda {
    fn spectral_norm_forward(
        &self,
        mut w_bar: ViewMut<'_, f32>,
        mut u: ViewMut<'_, f32>,
        v: ViewMut<'_, f32>,
        mut sigma: ViewMut<'_, f32>,
        w: View<'_, f32>,
        shape: SpectralNormShape,
        iterate: bool,
    ) {
        contract::spectral_norm_forward(&w_bar, &u, &v, &sigma, &w, shape);
        // The branch may update the weights.
        self.join();
        let SpectralNormShape { rows, stride, transposed, .. } = shape;
        if iterate {
            let (mut products, _) = w_bar.reborrow().split(shape.u_len());
            self.multiply_vector(products.reborrow(), w, v.read(), shape, !transposed);
            self.normalize(u.reborrow(), None, products.read(), true);
        }
        let (mut products, _) = w_bar.reborrow().split(shape.v_len());
        self.multiply_vector(products.reborrow(), w, u.read(), shape, transposed);
        self.normalize(v, Some(sigma.reborrow()), products.read(), iterate);
        let launch = self.elements(shape.w_len());
        self.gpu.kernels.spectral_norm_divide(launch, w_bar, w, sigma.read(), rows, stride);
    }

    fn spectral_norm_backward(
        &self,
        dw: ViewMut<'_, f32>,
        w_bar: View<'_, f32>,
        u: View<'_, f32>,
        v: View<'_, f32>,
        sigma: View<'_, f32>,
        shape: SpectralNormShape,
    ) {
        contract::spectral_norm_backward(&dw, &w_bar, &u, &v, &sigma, shape);
        // The branch computes the weight gradients.
        self.join();
        let SpectralNormShape { rows, columns, stride, .. } = shape;
        let parts = (shape.w_len() / DOT_ELEMENTS).clamp(1, MAX_DOTS);
        let mut sums = self.sums.borrow_mut();
        let (mut dots, kernels) = (sums.view_mut(0..parts), &self.gpu.kernels);
        let launch = self.blocks(parts);
        kernels.spectral_norm_dots(launch, dots.reborrow(), dw.read(), w_bar, rows, stride, parts);
        let (left, right) = shape.stored(u, v);
        kernels.spectral_norm_subtract(
            self.elements(rows * columns),
            dw,
            dots.read(),
            left,
            right,
            sigma,
            rows,
            columns,
            stride,
            parts,
        );
    }
}

impl Cuda {
    /// The product of the stored matrix, or without `by_rows` of its transpose, and x.
    fn multiply_vector(
        &self,
        products: ViewMut<'_, f32>,
        w: View<'_, f32>,
        x: View<'_, f32>,
        shape: SpectralNormShape,
        by_rows: bool,
    ) {
        let SpectralNormShape { rows, columns, stride, .. } = shape;
        let (parts, kernels) = (parts(rows, columns), &self.gpu.kernels);
        if by_rows {
            let launch = self.blocks(rows);
            return kernels.spectral_norm_rows(launch, products, w, x, rows, columns, stride);
        }
        let launch = self.column_parts(columns, parts, 1);
        if parts == 1 {
            return kernels
                .spectral_norm_columns(launch, products, w, x, rows, columns, stride, parts);
        }
        let mut sums = self.sums.borrow_mut();
        let mut sums = sums.view_mut(0..parts * columns);
        kernels.spectral_norm_columns(launch, sums.reborrow(), w, x, rows, columns, stride, parts);
        kernels.column_totals(self.elements(columns), products, sums.read(), parts, columns, 0);
    }

    /// With `iterate`, x ← products/‖products‖; with sigma, sigma ← ⟨products, x⟩.
    fn normalize(
        &self,
        x: ViewMut<'_, f32>,
        sigma: Option<ViewMut<'_, f32>>,
        products: View<'_, f32>,
        iterate: bool,
    ) {
        let (n, eps) = (x.len(), SPECTRAL_NORM_EPS as f32);
        let launch = self.one_block();
        let kernels = &self.gpu.kernels;
        kernels.spectral_norm_normalize(launch, x, sigma, products, n, eps, iterate.into());
    }
}

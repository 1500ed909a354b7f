//! Spectral normalization of weights.

use crate::device::{In, Memory, Out};

/// The smallest norm by which a singular vector is divided, as in PyTorch.
pub const SPECTRAL_NORM_EPS: f64 = 1e-12;

/// Extents of a weight matrix as it is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SpectralNormShape {
    /// Rows.
    pub rows: usize,
    /// Columns, without padding.
    pub columns: usize,
    /// Elements from one row to the next, at least `columns`; those behind the columns are 0.
    pub stride: usize,
    /// Whether W is the transpose of the stored matrix: false for a linear layer, (outputs, inputs);
    /// true for a convolution, whose weights are (kernel·kernel·inputs, outputs).
    pub transposed: bool,
}

impl SpectralNormShape {
    /// Elements of the stored matrix, with padding.
    pub fn w_len(&self) -> usize {
        self.rows * self.stride
    }

    /// Elements of u: rows of W, a layer's outputs.
    pub fn u_len(&self) -> usize {
        if self.transposed { self.columns } else { self.rows }
    }

    /// Elements of v: columns of W.
    pub fn v_len(&self) -> usize {
        if self.transposed { self.rows } else { self.columns }
    }

    /// From a pair for u and v, that for the rows and columns of the stored matrix.
    pub(in crate::device) fn stored<V>(&self, u: V, v: V) -> (V, V) {
        if self.transposed { (v, u) } else { (u, v) }
    }
}

/// Spectral normalization: Miyato et al.,
/// [Spectral Normalization for Generative Adversarial Networks](https://arxiv.org/abs/1802.05957),
/// computed as by PyTorch's
/// [`parametrizations.spectral_norm`](https://docs.pytorch.org/docs/stable/generated/torch.nn.utils.parametrizations.spectral_norm.html).
///
/// The stored matrix is W or its transpose. w, w_bar, dw (rows, stride), u and v
/// ([`SpectralNormShape::u_len`], [`SpectralNormShape::v_len`]), sigma (1).
pub trait SpectralNorm: Memory {
    /// w_bar = W/σ, σ = uᵀ·W·v.
    ///
    /// With `iterate`, first updates u and v, which converge to the singular vectors of the largest
    /// singular value: u ← n(W·v), v ← n(Wᵀ·u) with n(x) = x/max(‖x‖, [`SPECTRAL_NORM_EPS`]), in PyTorch's
    /// order (the paper's algorithm begins with v). Without,
    /// σ and w_bar have the same bits as right after the iteration that gave u and v.
    fn spectral_norm_forward(
        &self,
        w_bar: Out<'_, Self>,
        u: Out<'_, Self>,
        v: Out<'_, Self>,
        sigma: Out<'_, Self>,
        w: In<'_, Self>,
        shape: SpectralNormShape,
        iterate: bool,
    );

    /// In place, dw holds the gradient of w_bar on entry: dw ← (dw − ⟨dw, w_bar⟩·u·vᵀ)/σ, the gradient of
    /// W for constant u and v, where ⟨ , ⟩ is the sum of products of elements. Padding stays as it is.
    ///
    /// Waits for weight gradients that a device computes concurrently, so a network should call this
    /// after its whole backward pass.
    fn spectral_norm_backward(
        &self,
        dw: Out<'_, Self>,
        w_bar: In<'_, Self>,
        u: In<'_, Self>,
        v: In<'_, Self>,
        sigma: In<'_, Self>,
        shape: SpectralNormShape,
    );
}

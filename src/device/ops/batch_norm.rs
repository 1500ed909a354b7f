//! Batch normalization.

use super::{Activation, Collective};
use crate::device::{In, Memory, Out};

/// Extents and constants of a batch normalization.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BatchNormShape {
    /// Batches, each normalized separately; one in evaluation mode, where all rows are alike.
    pub batches: usize,
    /// Rows of each batch that this rank has; at least 2 in training, unless they are normalized
    /// together with those of others.
    pub rows: usize,
    /// Rows of each batch on all ranks, if their statistics are common to all ranks.
    pub across: Option<usize>,
    /// Columns, each normalized separately.
    pub columns: usize,
    /// Added to the variance.
    pub eps: f64,
    /// Momentum of the running statistics: the weight of the new batch.
    pub momentum: f64,
}

impl BatchNormShape {
    /// The rows over which the statistics of a batch are computed.
    pub fn whole(self) -> usize {
        self.across.unwrap_or(self.rows)
    }

    /// Panics for a batch of one row, whose variance is undefined.
    #[track_caller]
    pub(in crate::device) fn check_training(self) {
        let rows = self.whole();
        assert!(rows > 1, "batch_norm_forward: the batch has {rows} rows, not 2 or more");
    }
}

/// The affine parameters of a batch normalization: y = activation(gamma · x̂ + beta).
pub struct Affine<'a, D: Memory> {
    /// Scale per column.
    pub gamma: In<'a, D>,
    /// Shift per column.
    pub beta: In<'a, D>,
}

/// The gradients of [`Affine`].
pub struct AffineGradients<'a, D: Memory> {
    /// Of gamma, (columns).
    pub dgamma: Out<'a, D>,
    /// Of beta, (columns).
    pub dbeta: Out<'a, D>,
}

/// Batch normalization, fused with the activation that follows it: PyTorch's
/// [`BatchNorm1d`](https://docs.pytorch.org/docs/stable/generated/torch.nn.BatchNorm1d.html).
///
/// The input is x + b, where b is the bias of the linear layer right before, if there is one.
/// Subtracting the batch's mean cancels b: in training mode it affects only the running mean, and its
/// gradient is zero.
pub trait BatchNorm: Collective {
    /// x̂ = (x − mean)·inv_std, y = activation(gamma·x̂ + beta), with the statistics of each batch.
    ///
    /// mean = Σx/n, inv_std = 1/√(Σ(x − mean)²/n + eps), both (batches, columns) and saved for the
    /// backward pass, where Σ is over the n rows of the batch: this rank's or, `across` ranks, those of
    /// all. Updates the running statistics, batch after batch: running ← (1 − momentum)·running +
    /// momentum·batch, with mean + b and the unbiased variance (divided by n − 1). y, x (batches, rows,
    /// columns), b (columns) or none.
    fn batch_norm_forward(
        &self,
        y: Out<'_, Self>,
        mean: Out<'_, Self>,
        inv_std: Out<'_, Self>,
        running_mean: Out<'_, Self>,
        running_var: Out<'_, Self>,
        x: In<'_, Self>,
        b: Option<In<'_, Self>>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    );

    /// y = activation(gamma·(x + b − running_mean)/√(running_var + eps) + beta): evaluation mode.
    fn batch_norm_evaluate(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        b: Option<In<'_, Self>>,
        running_mean: In<'_, Self>,
        running_var: In<'_, Self>,
        affine: Affine<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
    );

    /// In place, dx holds dy on entry. With g = activation′(y) ⊙ dy:
    /// dbeta = Σg, dgamma = Σ g·x̂, dx = gamma·inv_std·(g − Σg/n − x̂·Σ(g·x̂)/n).
    ///
    /// dx, y, x (batches, rows, columns), mean, inv_std (batches, columns), gamma (columns). The
    /// gradients of gamma and beta are optional, and sums over the rows of this rank, of all batches; with
    /// `accumulate` they are added to the existing values. dx depends only on the sums of its own batch,
    /// over the n rows of this rank or, `across` ranks, of all.
    fn batch_norm_backward(
        &self,
        dx: Out<'_, Self>,
        gradients: Option<AffineGradients<'_, Self>>,
        y: In<'_, Self>,
        x: In<'_, Self>,
        mean: In<'_, Self>,
        inv_std: In<'_, Self>,
        gamma: In<'_, Self>,
        shape: BatchNormShape,
        activation: Activation,
        accumulate: bool,
    );
}

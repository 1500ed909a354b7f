//! Losses, and the ring buffer that keeps them.

use crate::device::{In, InInts, Memory, Out};

/// The loss function of a discriminator's output for a target t ∈ {0, 1}.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Criterion {
    /// Binary cross-entropy on a logit x: max(x, 0) − t·x + ln(1 + e^−|x|).
    /// Derivative: σ(x) − t. Stable for every x.
    CrossEntropy,
    /// Binary cross-entropy of p = σ(x), as computed by PyTorch's `BCELoss` after a `Sigmoid`:
    /// −max(ln p, −100) for t = 1, −max(ln (1 − p), −100) for t = 0. Derivative: (p − t)·min(1,
    /// p·(1 − p)/10⁻¹²), which is zero where p rounds to 1 (in `f32` above x ≈ 17) and vanishes
    /// below −28.
    SaturatingCrossEntropy,
    /// Squared error: (x − t)². Derivative: 2·(x − t).
    SquaredError,
    /// Hinge loss: max(0, 1 − x) for t = 1, max(0, 1 + x) for t = 0. Derivative: ∓1 where positive.
    Hinge,
    /// The critic's loss of a Wasserstein GAN: −x for t = 1, x for t = 0. Derivative: ∓1.
    Wasserstein,
    /// Relativistic pairing: softplus(f − r) for the pairs of real outputs r and generated ones f if
    /// t = 1 for real images, softplus(r − f) if t = 0. Derivatives: ∓σ(f − r), or ±σ(r − f). Each
    /// pair has one loss, which counts as that of the real images.
    Relativistic,
}

impl Criterion {
    /// All variants.
    pub const ALL: &[Criterion] = &[
        Criterion::CrossEntropy,
        Criterion::SaturatingCrossEntropy,
        Criterion::SquaredError,
        Criterion::Hinge,
        Criterion::Wasserstein,
        Criterion::Relativistic,
    ];
}

/// The parts of a batch and their targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Targets {
    /// In the discriminator update: real images, t = 1, followed by as many generated ones, t = 0.
    RealThenFake,
    /// In the generator update: generated images, t = 1. For pairs, real images, t = 0, come first.
    FakeAsReal,
}

impl Targets {
    /// The column of the ring buffer for the first part's loss.
    pub fn column(self) -> usize {
        match self {
            Targets::RealThenFake => 0,
            Targets::FakeAsReal => 4,
        }
    }
}

/// Parameters of a loss.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossShape {
    /// Rows of each part of the batch that this rank has.
    pub rows: usize,
    /// Rows of each part on all ranks, over which means are taken.
    pub whole: usize,
    /// The loss function.
    pub criterion: Criterion,
    /// Factor of the loss and its gradient.
    pub scale: f64,
    /// The parts of the batch and their targets.
    pub targets: Targets,
    /// Replaces the target 1 of real images (one-sided label smoothing), where the loss has a target
    /// between 0 and 1.
    pub real_label: f64,
}

impl LossShape {
    /// Parts of the batch that have a loss and a target each.
    pub fn parts(&self) -> usize {
        match (self.targets, self.criterion) {
            (Targets::RealThenFake, _) | (_, Criterion::Relativistic) => 2,
            (Targets::FakeAsReal, _) => 1,
        }
    }

    /// The target of the first part.
    pub(in crate::device) fn first_target(&self) -> f64 {
        use Criterion::{CrossEntropy, Relativistic, SaturatingCrossEntropy, SquaredError};
        match (self.targets, self.criterion) {
            (Targets::FakeAsReal, Relativistic) => 0.0,
            (Targets::RealThenFake, CrossEntropy | SaturatingCrossEntropy | SquaredError) => {
                self.real_label
            }
            _ => 1.0,
        }
    }
}

/// Iterations whose losses the ring buffer holds.
pub const RING_ROWS: usize = 1024;
/// Columns of the ring buffer: (loss, mean output) of real and of generated images in the
/// discriminator update, of generated images in the generator update (for pairs, of real and of
/// generated ones), and the [penalties](super::Penalty).
pub const RING_COLUMNS: usize = 11;

/// Extents of a classifier's logits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftmaxShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Classes: logits in a row.
    pub classes: usize,
}

/// Losses.
pub trait Loss: Memory {
    /// loss = scale·Σcriterion(x, t)/whole and dx = scale·criterion′(x, t)/whole, for each part of the
    /// batch, in one pass. Means over the batch are the sums of what its ranks compute.
    ///
    /// dx, x (parts, rows). Writes to row step mod RING_ROWS of the ring buffer (RING_ROWS,
    /// RING_COLUMNS), for each part: the loss, and the mean output — σ(x) for cross-entropy, otherwise
    /// x itself.
    ///
    /// With `second`, the loss of the generator's update with as many rows, that of the last part of x
    /// too, for pairs together with the first part. Then x has two or three parts, and dx three: the
    /// third is the gradient of this loss with respect to the last part of x.
    fn loss_forward_backward(
        &self,
        dx: Out<'_, Self>,
        ring: Out<'_, Self>,
        x: In<'_, Self>,
        step: InInts<'_, Self>,
        shape: LossShape,
        second: Option<LossShape>,
    );

    /// Copies row step mod RING_ROWS of the ring buffer (RING_ROWS, RING_COLUMNS) to the next row, so
    /// that what the next iteration does not compute keeps its last value.
    fn ring_carry(&self, ring: Out<'_, Self>, step: InInts<'_, Self>);

    /// losses\[i\] = ln Σ e^(x\[i, c\] − max) + max − x\[i, label\[i\]\], summed over classes c, where
    /// max is the largest logit of row i; and the gradient of their mean, dx\[i, c\] =
    /// (softmax(x\[i\])\[c\] − \[c = label\[i\]\])/rows, in one pass: PyTorch's
    /// [`CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html)
    /// with `reduction='none'`. Stable for every x.
    ///
    /// dx, x (rows, classes), losses, labels (rows), at least one class. Labels must be below
    /// `classes`: another label is the caller's bug, and panics or makes its loss NaN.
    fn softmax_cross_entropy_forward_backward(
        &self,
        dx: Out<'_, Self>,
        losses: Out<'_, Self>,
        x: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: SoftmaxShape,
    );
}

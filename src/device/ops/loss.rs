//! Losses, and where they are noted.

use crate::device::{In, InInts, Memory, Out};

/// How a discriminator's output is scored against a target t ∈ {0, 1}.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Binary cross-entropy on a logit x: max(x, 0) − t·x + ln(1 + e^−|x|).
    /// Derivative: σ(x) − t. Stable for every x.
    CrossEntropy,
    /// Binary cross-entropy of p = σ(x), as PyTorch's `BCELoss` has it behind a `Sigmoid`:
    /// −max(ln p, −100) for t = 1, −max(ln (1 − p), −100) for t = 0. Derivative: (p − t)·min(1,
    /// p·(1 − p)/10⁻¹²), which is zero where p is rounded to 1, in `f32` from x ≈ 17 on, and fades
    /// below −28.
    SaturatingCrossEntropy,
    /// Squared error: (x − t)². Derivative: 2·(x − t).
    SquaredError,
}

impl Score {
    /// All of them.
    pub const ALL: &[Score] =
        &[Score::CrossEntropy, Score::SaturatingCrossEntropy, Score::SquaredError];
}

/// What a loss scores, and against which targets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// In the discriminator's update: real images, t = 1, and as many generated ones behind them,
    /// t = 0.
    RealThenFake,
    /// In the generator's update: generated images, t = 1.
    FakeAsReal,
}

impl Judged {
    /// Parts of the batch that have a loss and a target each.
    pub fn parts(self) -> usize {
        match self {
            Judged::RealThenFake => 2,
            Judged::FakeAsReal => 1,
        }
    }

    /// Where in a row of the ring the first part's loss is noted.
    pub fn column(self) -> usize {
        match self {
            Judged::RealThenFake => 0,
            Judged::FakeAsReal => 4,
        }
    }
}

/// What a loss is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossShape {
    /// Rows of each part of the batch.
    pub rows: usize,
    /// The formula.
    pub score: Score,
    /// Factor of the loss and its gradient.
    pub scale: f64,
    /// What is scored.
    pub judged: Judged,
}

/// Iterations whose losses the ring holds.
pub const RING_ROWS: usize = 1024;
/// Numbers an iteration leaves in the ring: (loss, mean output) of real and of generated images in
/// the discriminator's update, and of generated ones in the generator's.
pub const RING_COLUMNS: usize = 6;

/// Extents of a classifier's outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SoftmaxShape {
    /// Rows of the batch.
    pub rows: usize,
    /// Classes, of which each row has a logit.
    pub classes: usize,
}

/// Losses.
pub trait Loss: Memory {
    /// loss = scale·mean(score(x, t)) and dx = scale·score′(x, t)/rows, for each part of the batch,
    /// in one pass.
    ///
    /// dx, x (parts, rows). Notes in the ring (RING_ROWS, RING_COLUMNS), row step mod RING_ROWS,
    /// for one part after the other: the loss, and the mean output — σ(x) for cross-entropy, x
    /// itself for squared error.
    fn loss_forward_backward(
        &self,
        dx: Out<'_, Self>,
        ring: Out<'_, Self>,
        x: In<'_, Self>,
        step: InInts<'_, Self>,
        shape: LossShape,
    );

    /// losses\[i\] = ln Σ e^(x\[i, c\] − max) + max − x\[i, label\[i\]\], the sum over classes c and
    /// max the greatest logit of row i; and the derivative of their mean, dx\[i, c\] =
    /// (softmax(x\[i\])\[c\] − \[c = label\[i\]\])/rows, in one pass: PyTorch's
    /// [`CrossEntropyLoss`](https://docs.pytorch.org/docs/stable/generated/torch.nn.CrossEntropyLoss.html),
    /// whose mean is left to the caller. Stable for every x.
    ///
    /// dx, x (rows, classes), losses, labels (rows), at least one class. Labels are below `classes`:
    /// one that is not is the caller's bug, and panics or makes its loss NaN.
    fn softmax_cross_entropy_forward_backward(
        &self,
        dx: Out<'_, Self>,
        losses: Out<'_, Self>,
        x: In<'_, Self>,
        labels: InInts<'_, Self>,
        shape: SoftmaxShape,
    );
}

//! Losses, and where they are noted.

use crate::device::{In, InInts, Memory, Out};

/// How a discriminator's output is scored against a target t ∈ {0, 1}.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Score {
    /// Binary cross-entropy on a logit x: max(x, 0) − t·x + ln(1 + e^−|x|).
    /// Derivative: σ(x) − t. Stable for every x; also used where the network ends in a sigmoid.
    CrossEntropy,
    /// Squared error: (x − t)². Derivative: 2·(x − t).
    SquaredError,
}

/// Which of an iteration's three looks at discriminator outputs a loss belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judged {
    /// Real images, in the discriminator's update.
    Real,
    /// Generated images, in the discriminator's update.
    Fake,
    /// Generated images, in the generator's update.
    Generator,
}

/// What a loss is made of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossShape {
    /// Rows of the batch.
    pub rows: usize,
    /// The formula.
    pub score: Score,
    /// The target t: real (1) or fake (0).
    pub real: bool,
    /// Factor of the loss and its gradient.
    pub scale: f64,
    /// Where the loss is noted.
    pub judged: Judged,
}

/// Iterations whose losses the ring holds.
pub const RING_ROWS: usize = 1024;
/// Numbers an iteration leaves in the ring: (loss, mean output) for each of [`Judged`].
pub const RING_COLUMNS: usize = 6;

/// Losses.
pub trait Loss: Memory {
    /// loss = scale·mean(score(x, t)) and dx = scale·score′(x, t)/rows in one pass.
    ///
    /// dx, x (rows). Notes in the ring (RING_ROWS, RING_COLUMNS), row step mod RING_ROWS: the
    /// loss, and the mean output — σ(x) for cross-entropy, x itself for squared error.
    fn loss_forward_backward(
        &self,
        dx: Out<'_, Self>,
        ring: Out<'_, Self>,
        x: In<'_, Self>,
        step: InInts<'_, Self>,
        shape: LossShape,
    );
}

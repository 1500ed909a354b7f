//! Gradient penalties of a discriminator.
//!
//! A penalty pulls the norm of the gradient of the discriminator's output with respect to its input
//! image towards a number: 0 for [R1 and R2](https://arxiv.org/abs/1801.04406), 1 for
//! [WGAN-GP](https://arxiv.org/abs/1704.00028).

use crate::device::{In, InInts, Memory, Out};

/// A gradient penalty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Penalty {
    /// At real images, towards 0.
    R1,
    /// At generated images, towards 0.
    R2,
    /// At random points between real and generated images, towards 1.
    Interpolated,
}

impl Penalty {
    /// All variants, in the order of the rows that they apply to.
    pub const ALL: [Penalty; 3] = [Penalty::R1, Penalty::R2, Penalty::Interpolated];

    /// Its column of the ring buffer.
    pub fn column(self) -> usize {
        8 + self as usize
    }

    /// The norm that it pulls gradients towards.
    pub fn norm(self) -> f64 {
        match self {
            Penalty::R1 | Penalty::R2 => 0.0,
            Penalty::Interpolated => 1.0,
        }
    }
}

/// Parameters of a penalty.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PenaltyShape {
    /// Images that this rank has.
    pub rows: usize,
    /// Images on all ranks, over which the mean is taken.
    pub whole: usize,
    /// Pixels of an image, times channels.
    pub pixels: usize,
    /// The penalty.
    pub penalty: Penalty,
    /// Its factor: γ/2 for R1 and R2, λ for WGAN-GP.
    pub factor: f64,
    /// A further factor of the gradient only.
    pub scale: f64,
}

/// Gradient penalties.
pub trait Penalties: Memory {
    /// Updates images (3, rows, pixels), real ones followed by generated ones and points between them:
    /// images\[2, i\] = alpha\[i\]·images\[0, i\] + (1 − alpha\[i\])·images\[1, i\].
    ///
    /// alpha (rows).
    fn images_interpolate(&self, images: Out<'_, Self>, alpha: In<'_, Self>, pixels: usize);

    /// The penalty factor·Σ(‖g\[i\]‖ − norm)²/whole over rows i, and in place its gradient with respect
    /// to g, times `scale`: v\[i\] = scale·2·factor/whole·(1 − norm/‖g\[i\]‖)·g\[i\], 0 where g\[i\] is
    /// 0.
    ///
    /// v (rows, pixels) holds g on entry. Writes the penalty to its column of row step mod RING_ROWS of
    /// the ring buffer (RING_ROWS, RING_COLUMNS).
    fn penalty_forward_backward(
        &self,
        v: Out<'_, Self>,
        ring: Out<'_, Self>,
        step: InInts<'_, Self>,
        shape: PenaltyShape,
    );

    /// y\[i\] = weights\[i\]·x\[i\] for rows i; with `accumulate` added to the existing values.
    ///
    /// y, x (rows, columns), weights (rows).
    fn rows_scale(
        &self,
        y: Out<'_, Self>,
        x: In<'_, Self>,
        weights: In<'_, Self>,
        columns: usize,
        accumulate: bool,
    );

    /// x = value, for all n elements of x (n).
    fn constant_fill(&self, x: Out<'_, Self>, value: f64);
}

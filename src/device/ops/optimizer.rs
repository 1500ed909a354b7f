//! Adam, and the iteration counter.

use crate::device::{In, Memory, Out, OutInts};

/// The hyperparameters of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Decay rate of the first moment, the mean of gradients.
    pub b1: f64,
    /// Decay rate of the second moment, the mean of squared gradients.
    pub b2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
}

/// Optimizers.
pub trait Optimizer: Memory {
    /// One step of [Adam](https://arxiv.org/abs/1412.6980) over a whole flat buffer, t = step\[0\] + 1:
    /// m ← b1·m + (1 − b1)·g, v ← b2·v + (1 − b2)·g²,
    /// p ← p − lr/(1 − b1ᵗ)·m / (√v/√(1 − b2ᵗ) + eps), step\[0\] ← t. Updates p, m, v and step.
    ///
    /// p, m, v, g (n), step (2): the number of steps of these moments, and a word for the device's
    /// own use, 0 before and after.
    fn adam_update(
        &self,
        p: Out<'_, Self>,
        m: Out<'_, Self>,
        v: Out<'_, Self>,
        step: OutInts<'_, Self>,
        g: In<'_, Self>,
        adam: Adam,
    );

    /// Updates step ← step + 1: the number of completed iterations, (1).
    fn step_advance(&self, step: OutInts<'_, Self>);
}

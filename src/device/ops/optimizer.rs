//! Adam, and the count of iterations.

use crate::device::{In, Memory, Out, OutInts};

/// The constants of Adam.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Learning rate.
    pub lr: f64,
    /// Decay of the mean of gradients.
    pub b1: f64,
    /// Decay of the mean of squared gradients.
    pub b2: f64,
    /// Added to the root of the second moment.
    pub eps: f64,
}

/// Optimisers.
pub trait Optimizer: Memory {
    /// One step of [Adam](https://arxiv.org/abs/1412.6980) over a whole flat buffer, t = step\[0\] + 1:
    /// m ← b1·m + (1 − b1)·g, v ← b2·v + (1 − b2)·g²,
    /// p ← p − lr/(1 − b1ᵗ)·m / (√v/√(1 − b2ᵗ) + eps), step\[0\] ← t. Moves p, m, v and step.
    ///
    /// p, m, v, g (n), step (2): how many steps these moments have seen, and a word that is the
    /// device's own, 0 before and after.
    fn adam_update(
        &self,
        p: Out<'_, Self>,
        m: Out<'_, Self>,
        v: Out<'_, Self>,
        step: OutInts<'_, Self>,
        g: In<'_, Self>,
        adam: Adam,
    );

    /// Moves step ← step + 1: the count of iterations, (1).
    fn step_advance(&self, step: OutInts<'_, Self>);
}

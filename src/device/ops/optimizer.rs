//! Adam, with the iteration counter, and the average of weights.

use crate::choice::choices;
use crate::device::{In, InInts, Memory, Out, OutInts};

choices! {
    /// How the learning rate falls over a run.
    pub enum LrDecay {
        /// It is constant.
        None = "none",
        /// It falls in a straight line to zero at the last iteration.
        Linear = "linear",
        /// It falls to zero in half a cosine wave: slowly at first and at the end.
        Cosine = "cosine",
    }
}

impl LrDecay {
    /// Whether the learning rate falls at all.
    pub fn falls(self) -> bool {
        self != LrDecay::None
    }

    /// The factor of the learning rate after a fraction of the decay, from 0 to 1.
    fn factor(self, done: f64) -> f64 {
        match self {
            LrDecay::None => 1.0,
            LrDecay::Linear => 1.0 - done,
            LrDecay::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        }
    }
}

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
    /// How the learning rate falls.
    pub decay: LrDecay,
    /// The fraction of the decay that is done before the first step; may be negative.
    pub done: f64,
    /// The fraction of the decay that a step adds.
    pub rate: f64,
}

impl Adam {
    /// With a constant learning rate.
    pub const fn constant(lr: f64, [b1, b2]: [f64; 2], eps: f64) -> Self {
        Self { lr, b1, b2, eps, decay: LrDecay::None, done: 0.0, rate: 0.0 }
    }

    /// The learning rate after a number of steps.
    pub(in crate::device) fn lr_after(&self, steps: u32) -> f64 {
        self.lr * self.decay.factor((self.done + self.rate * f64::from(steps)).clamp(0.0, 1.0))
    }
}

/// An exponential moving average.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Average {
    /// The weight of the average so far.
    pub decay: f64,
    /// After t updates, the average has a weight of at most t/(t + warmup).
    pub warmup: u32,
}

impl Average {
    /// The weight of the average so far in the update number `t`, counted from 1.
    pub(in crate::device) fn decay_at(self, t: u32) -> f64 {
        let t = f64::from(t);
        self.decay.min(t / (t + f64::from(self.warmup)))
    }
}

/// Optimizers.
pub trait Optimizer: Memory {
    /// One step of [Adam](https://arxiv.org/abs/1412.6980) over a whole flat buffer, t = step\[0\] + 1:
    /// m ← b1·m + (1 − b1)·g, v ← b2·v + (1 − b2)·g²,
    /// p ← p − lr·f/(1 − b1ᵗ)·m / (√v/√(1 − b2ᵗ) + eps), step\[0\] ← t. Updates p, m, v and step.
    /// f is 1 without decay; 1 − s for linear decay and ½(1 + cos πs) for cosine decay, with
    /// s = done + (t − 1)·rate, but at least 0 and at most 1.
    ///
    /// p, m, v, g (n), step (2): the number of steps of these moments, and a word for the device's
    /// own use, 0 before and after. With `iteration` (1), the counter of completed iterations, it is
    /// incremented too, by the last update of an iteration.
    ///
    /// With `beside`, a device may run this concurrently with the operations queued next: until the next
    /// update without it, the next operation of spectral normalization, upload or download, no operation
    /// may read or write p, m, v or step, or write g.
    fn adam_update(
        &self,
        p: Out<'_, Self>,
        m: Out<'_, Self>,
        v: Out<'_, Self>,
        step: OutInts<'_, Self>,
        iteration: Option<OutInts<'_, Self>>,
        g: In<'_, Self>,
        adam: Adam,
        beside: bool,
    );

    /// average ← d·average + (1 − d)·p, with d = min(decay, t/(t + warmup)) and t = step\[0\]. Updates
    /// average.
    ///
    /// average, p (n), step (1): the number of steps of the optimizer of p, at least 1.
    fn average_update(
        &self,
        average: Out<'_, Self>,
        p: In<'_, Self>,
        step: InInts<'_, Self>,
        constants: Average,
    );
}

//! Timing of operations on each device.

use std::time::{Duration, Instant};

use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::cuda::Cuda;

use crate::common::Named;

/// A device that can time its operations.
pub trait Timed: Named {
    /// The time that the device takes for `count` calls of `work`.
    fn time(&self, count: u64, work: impl FnMut()) -> Duration;
}

impl Timed for Cpu<f32> {
    fn time(&self, count: u64, mut work: impl FnMut()) -> Duration {
        let begun = Instant::now();
        (0..count).for_each(|_| work());
        begun.elapsed()
    }
}

impl Timed for Cuda {
    /// By replays of a CUDA graph, as in training; see [`Cuda::time`].
    fn time(&self, count: u64, work: impl FnMut()) -> Duration {
        Cuda::time(self, count, work).expect("a GPU that works")
    }
}

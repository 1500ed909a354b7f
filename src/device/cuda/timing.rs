//! How long operations take.

use std::time::Duration;

use cudarc::driver::CudaEvent;
use cudarc::driver::sys::CUevent_flags;

use super::recording::Recording;
use super::{Cuda, failed};
use crate::device::{Memory, Result};

/// Calls in a graph: so many that the launch of the graph is nothing beside them.
const CALLS: u64 = 64;

impl Cuda {
    /// How long the GPU takes for `count` calls of `work`, which queues operations: by events around
    /// replays of a graph of many calls. Launched one by one, small operations take the GPU less
    /// time than the host, and it is the host that would be timed.
    ///
    /// Calls are made that are not timed: those that a graph needs before, and those that fill the
    /// last graph up.
    ///
    /// # Errors
    /// When the device, or an operation, failed.
    pub fn time(&self, count: u64, mut work: impl FnMut()) -> Result<Duration> {
        let calls = count.clamp(1, CALLS);
        let mut graph = Recording::default();
        let mut call_all = || {
            if !self.replay(&mut graph) {
                (0..calls).for_each(|_| work());
                self.record(&mut graph);
            }
        };
        // One to load what is needed, one to capture, one to bring the graph to the GPU.
        (0..3).for_each(|_| call_all());
        let replays = count.div_ceil(calls);
        let (begin, end) = (self.timer()?, self.timer()?);
        begin.record(&self.stream).map_err(failed("timing"))?;
        (0..replays).for_each(|_| call_all());
        end.record(&self.stream).map_err(failed("timing"))?;
        self.noted()?;
        // Waits for both.
        let milliseconds = begin.elapsed_ms(&end).map_err(failed("timing"))?;
        let share = count as f64 / (replays * calls) as f64;
        Ok(Duration::from_secs_f64(f64::from(milliseconds) / 1e3 * share))
    }

    fn timer(&self) -> Result<CudaEvent> {
        let flags = Some(CUevent_flags::CU_EVENT_DEFAULT);
        self.gpu.context.new_event(flags).map_err(failed("timing"))
    }
}

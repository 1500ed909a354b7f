//! Timing of operations.

use std::time::Duration;

use cudarc::driver::CudaEvent;
use cudarc::driver::sys::CUevent_flags;

use super::graph::Graph;
use super::{Cuda, failed};
use crate::device::{Memory, Result};

/// Calls in a graph: enough to make the graph's launch overhead negligible.
const CALLS: u64 = 64;

impl Cuda {
    /// The time that the GPU takes for `count` calls of `work`, which queues operations: measured by
    /// events around launches of a graph of many calls. If small operations were launched one by one,
    /// the host would be the bottleneck, and its time would be measured.
    ///
    /// Some calls are not timed: those before the graph is captured, and those that fill up the last
    /// graph.
    ///
    /// # Errors
    /// When the device or an operation failed.
    pub fn time(&self, count: u64, mut work: impl FnMut()) -> Result<Duration> {
        let calls = count.clamp(1, CALLS);
        let mut graph = Graph::default();
        let mut call_all = || {
            if !self.launch_graph(&mut graph) {
                (0..calls).for_each(|_| work());
                self.end_capture(&mut graph);
            }
        };
        // One to load libraries and kernels, one to capture, one to upload the graph to the GPU.
        (0..3).for_each(|_| call_all());
        let launches = count.div_ceil(calls);
        let (begin, end) = (self.timer()?, self.timer()?);
        begin.record(&self.stream).map_err(failed("timing"))?;
        (0..launches).for_each(|_| call_all());
        end.record(&self.stream).map_err(failed("timing"))?;
        self.take_failure()?;
        // Waits for both events.
        let milliseconds = begin.elapsed_ms(&end).map_err(failed("timing"))?;
        let fraction = count as f64 / (launches * calls) as f64;
        Ok(Duration::from_secs_f64(f64::from(milliseconds) / 1e3 * fraction))
    }

    fn timer(&self) -> Result<CudaEvent> {
        let flags = Some(CUevent_flags::CU_EVENT_DEFAULT);
        self.gpu.context.new_event(flags).map_err(failed("timing"))
    }
}

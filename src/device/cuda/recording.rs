//! A sequence of operations that comes again and again, as one CUDA graph.
//!
//! A training iteration is some hundred short kernels; queued one by one, the host takes longer to
//! queue them than the GPU to run them. A [graph](https://docs.nvidia.com/cuda/cuda-programming-guide/)
//! is queued at once. Buffers never move, and all that changes from iteration to iteration is read
//! from device memory, so a recorded iteration is right for the next one too.
//!
//! The first time a sequence runs as it is: cuBLAS and the driver load what it needs, which a
//! recording does not allow. The second time it is recorded, then launched; from then on launched.

use std::ptr;

use cudarc::driver::sys::{CUgraphInstantiate_flags, CUstreamCaptureMode, cuGraphGetNodes};
use cudarc::driver::{CudaGraph, DriverError};
use tracing::{debug, trace};

use super::{Cuda, failed};
use crate::device::Result;

/// A sequence of operations that was queued before.
#[derive(Default)]
pub enum Recording {
    /// Never queued.
    #[default]
    New,
    /// Queued once, so that nothing is left to load.
    Tried,
    /// Recorded.
    Graph(CudaGraph),
}

impl Recording {
    /// How many nodes the graph has: kernels, copies and fills that one launch queues. A matrix
    /// product is one on the emulator; cuBLAS may take several. None where nothing is recorded yet.
    ///
    /// # Errors
    /// When the driver does not tell.
    pub fn nodes(&self) -> Result<Option<usize>> {
        let Recording::Graph(graph) = self else { return Ok(None) };
        let mut count = 0;
        // SAFETY: the graph is alive; without room for nodes the driver writes their number alone.
        unsafe { cuGraphGetNodes(graph.cu_graph(), ptr::null_mut(), &mut count) }
            .result()
            .map_err(failed("counting a graph's nodes"))?;
        Ok(Some(count))
    }
}

impl Cuda {
    pub(super) fn replay_graph(&self, recording: &Recording) -> bool {
        // What was on the branch before is no part of a recording.
        self.join();
        match recording {
            Recording::Graph(graph) if self.gpu.graphs => {
                trace!("replaying a graph");
                self.note("launching a graph", graph.launch());
                return true;
            }
            // Other threads may go on with whatever they do on the GPU meanwhile.
            Recording::Tried if self.gpu.graphs => self.note(
                "recording a graph",
                self.stream.begin_capture(CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL),
            ),
            _ => {}
        }
        false
    }

    pub(super) fn record_graph(&self, recording: &mut Recording) {
        self.join();
        match recording {
            Recording::New => *recording = Recording::Tried,
            Recording::Tried if self.gpu.graphs => match self.end_capture() {
                Ok(Some(graph)) => {
                    self.note("launching a graph", graph.launch());
                    *recording = Recording::Graph(graph);
                    debug!(nodes = ?recording.nodes().ok().flatten(), "recorded a graph");
                }
                Ok(None) => {}
                Err(error) => self.note("recording a graph", Err(error)),
            },
            _ => {}
        }
    }

    fn end_capture(&self) -> std::result::Result<Option<CudaGraph>, DriverError> {
        // Nodes keep the priorities of the streams that they were captured from.
        self.stream
            .end_capture(CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY)
    }
}

//! Repeated sequences of operations, captured as CUDA graphs.
//!
//! A training iteration is about a hundred short kernels. Launched one by one, they take the host
//! longer to queue than the GPU to run. A
//! [CUDA graph](https://docs.nvidia.com/cuda/cuda-programming-guide/) is launched with one call.
//! Buffers never move, and everything that changes between iterations is read from device memory, so
//! a graph captured in one iteration is valid for the next.
//!
//! The first time, the operations are launched one by one: cuBLAS and the driver load kernels and
//! allocate memory, which is not allowed during capture. The second time they are captured, and the
//! graph is launched; from then on the graph is launched.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::ptr;

use cudarc::driver::sys::{
    CUgraphEdgeData, CUgraphInstantiate_flags, CUgraphNode, CUstreamCaptureMode,
    cuGraphGetEdges_v2, cuGraphGetNodes,
};
use cudarc::driver::{CudaGraph, DriverError};
use tracing::{debug, trace};

use super::exclusive::Exclusive;
use super::{Cuda, failed};
use crate::device::Result;

/// A repeated sequence of operations.
#[derive(Default)]
pub enum Graph {
    /// Never run.
    #[default]
    New,
    /// Run once without capture, so that everything is loaded.
    WarmedUp,
    /// Captured.
    Captured(CudaGraph),
}

impl Graph {
    /// The number of nodes (kernels, copies, fills) of the graph; none if nothing is captured yet. A
    /// matrix multiplication is one node on the emulator; cuBLAS may take several.
    ///
    /// # Errors
    /// When the driver fails.
    pub fn nodes(&self) -> Result<Option<usize>> {
        let Graph::Captured(graph) = self else { return Ok(None) };
        let mut count = 0;
        // SAFETY: the graph is alive; with a null pointer the driver writes only the number of nodes.
        unsafe { cuGraphGetNodes(graph.cu_graph(), ptr::null_mut(), &mut count) }
            .result()
            .map_err(failed("counting a graph's nodes"))?;
        Ok(Some(count))
    }

    /// The number of nodes of the longest chain, of which each depends on the one before it: the time of
    /// an iteration on a GPU that is large enough for all branches. None if nothing is captured yet.
    ///
    /// # Errors
    /// When the driver fails.
    ///
    /// # Panics
    /// With a driver older than CUDA 12.3, which does not return edges.
    pub fn longest_chain(&self) -> Result<Option<usize>> {
        let Graph::Captured(graph) = self else { return Ok(None) };
        let edges = edges(graph).map_err(failed("reading a graph's edges"))?;
        // The longest chain that ends at a node. A pass over all edges settles at least one more node.
        let mut chains = BTreeMap::new();
        let mut longest = 1;
        for _ in 0..edges.len() {
            for (from, to) in &edges {
                let behind = 1 + chains.get(from).copied().unwrap_or(1);
                let chain = chains.entry(*to).or_insert(1);
                *chain = behind.max(*chain);
                longest = longest.max(*chain);
            }
        }
        Ok(Some(longest))
    }
}

/// The dependencies of a graph, each as the node before and the node behind it.
fn edges(graph: &CudaGraph) -> std::result::Result<Vec<(CUgraphNode, CUgraphNode)>, DriverError> {
    let (graph, null, mut count) = (graph.cu_graph(), ptr::null_mut(), 0);
    // SAFETY: the graph is alive; without arrays the driver writes only the number of edges.
    unsafe { cuGraphGetEdges_v2(graph, null, null, ptr::null_mut(), &mut count) }.result()?;
    let mut ends = [vec![ptr::null_mut(); count], vec![ptr::null_mut(); count]];
    // Required if an edge has data, such as those between kernels of which one starts early.
    let mut data = vec![MaybeUninit::<CUgraphEdgeData>::uninit(); count];
    let [from, to] = ends.each_mut().map(Vec::as_mut_ptr);
    // SAFETY: the graph is alive, and the arrays are as long as `count` says.
    unsafe { cuGraphGetEdges_v2(graph, from, to, data.as_mut_ptr().cast(), &mut count) }
        .result()?;
    let [from, to] = ends;
    Ok(from.into_iter().zip(to).collect())
}

impl Cuda {
    /// Launches the graph, and returns true; or begins its capture if it is warmed up.
    pub(super) fn launch_or_capture(&self, graph: &Graph) -> bool {
        // Work that is already on the branch is not part of the graph.
        self.join();
        match graph {
            Graph::Captured(graph) if self.gpu.options.graphs => {
                trace!("launching a CUDA graph");
                self.note_failure("launching a CUDA graph", graph.launch());
                return true;
            }
            Graph::New => self.set_turn(),
            // Thread-local: other threads may use the GPU during capture.
            Graph::WarmedUp if self.gpu.options.graphs => {
                self.set_turn();
                let mode = CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
                self.note_failure("capturing a CUDA graph", self.stream.begin_capture(mode));
            }
            _ => {}
        }
        false
    }

    /// Excludes captures by other threads until the sequence ends. Loading kernels may wait for the whole
    /// device, too.
    fn set_turn(&self) {
        self.turn.replace(Some(Exclusive::wait()));
    }

    /// Ends the sequence; if it was captured, instantiates and launches the graph.
    pub(super) fn finish_capture(&self, graph: &mut Graph) {
        self.join();
        let _turn = self.turn.take();
        match graph {
            Graph::New => *graph = Graph::WarmedUp,
            Graph::WarmedUp if self.gpu.options.graphs => match self.instantiate() {
                Ok(Some(captured)) => {
                    self.note_failure("launching a CUDA graph", captured.launch());
                    *graph = Graph::Captured(captured);
                    debug!(nodes = ?graph.nodes().ok().flatten(), "captured a CUDA graph");
                }
                Ok(None) => {}
                Err(error) => self.note_failure("capturing a CUDA graph", Err(error)),
            },
            _ => {}
        }
    }

    fn instantiate(&self) -> std::result::Result<Option<CudaGraph>, DriverError> {
        // Nodes keep the priorities of the streams that they were captured from.
        self.stream
            .end_capture(CUgraphInstantiate_flags::CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY)
    }
}

//! A second stream, for gradients of weights: only the optimiser waits for them.
//!
//! On the way back through a network each layer has two products, one for the layer before, which
//! the next layer waits for, and one for its own weights, which nothing does until the step of Adam.
//! A small network's product leaves most of a GPU idle, so the second kind goes to a branch beside
//! the first, at the lowest priority: when blocks of both are waiting, the GPU starts the main
//! stream's first. An event makes the branch begin after what is queued already, another makes what
//! follows [`Cuda::join`] wait; recorded, both become edges of the graph, and no nodes.
//!
//! What is on the branch reads and writes buffers that nobody else may write before the branch is
//! joined: [`Linear::linear_backward_weight`](crate::device::ops::Linear) asks its callers for that.
//!
//! The branch has a cuBLAS handle and a workspace of its own, so products on both streams do not
//! share scratch memory, and give
//! [the same bits each time](https://docs.nvidia.com/cuda/cublas/index.html#results-reproducibility).

use std::cell::Cell;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError};

use super::gemm::Blas;
use super::{Cuda, failed};
use crate::device::{Precision, Result};

/// A stream beside the device's own.
pub(super) struct Branch {
    blas: Blas,
    stream: Arc<CudaStream>,
    forked: CudaEvent,
    ended: CudaEvent,
    /// Whether something was queued that nobody waits for yet.
    open: Cell<bool>,
}

impl Branch {
    /// A branch whose stream has this priority.
    pub(super) fn new(
        context: &Arc<CudaContext>,
        priority: i32,
        precision: Precision,
    ) -> Result<Self> {
        let stream = context.new_stream_with_priority(priority).map_err(failed("starting"))?;
        let event = || context.new_event(None).map_err(failed("starting"));
        Ok(Self {
            blas: Blas::new(&stream, precision)?,
            stream,
            forked: event()?,
            ended: event()?,
            open: Cell::new(false),
        })
    }
}

impl Cuda {
    /// cuBLAS on the branch, whose next work comes after all that is queued so far.
    pub(super) fn fork(&self) -> &Blas {
        let branch = &self.branch;
        self.note("forking", follow(&branch.stream, &branch.forked, &self.stream));
        branch.open.set(true);
        &branch.blas
    }

    /// Lets all that is queued from now on come after what is on the branch.
    pub(super) fn join(&self) {
        let branch = &self.branch;
        if branch.open.replace(false) {
            self.note("joining", follow(&self.stream, &branch.ended, &branch.stream));
        }
    }
}

/// Lets what is queued next on one stream come after all that is queued on another.
fn follow(
    stream: &CudaStream,
    event: &CudaEvent,
    other: &CudaStream,
) -> std::result::Result<(), DriverError> {
    event.record(other)?;
    stream.wait(event)
}

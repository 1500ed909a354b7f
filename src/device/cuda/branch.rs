//! A second stream, for weight gradients, and an optimizer step that nothing waits for.
//!
//! In the backward pass each layer has two matrix multiplications: the gradient of its input, which
//! the previous layer waits for, and the gradient of its weights, which nothing needs before the
//! optimizer step. In a small network each leaves most of the GPU idle, so the second runs on a
//! branch, concurrently with the first, at the lowest priority: when blocks of both are waiting, the
//! GPU starts the main stream's first. One event makes the branch wait for the work queued so far,
//! another makes the work after [`Cuda::join`] wait for the branch. In a captured graph both become
//! edges, not nodes.
//!
//! Work on the branch reads and writes buffers that nothing else may write before the branch is
//! joined; [`Linear::linear_backward_weight`](crate::device::ops::Linear) requires this of callers.
//!
//! The branch has a cuBLAS handle and a workspace of its own: with two streams, cuBLAS is
//! [reproducible](https://docs.nvidia.com/cuda/cublas/index.html#results-reproducibility) only if
//! they share no workspace.

use std::cell::Cell;
use std::sync::Arc;

use cudarc::driver::{CudaContext, CudaEvent, CudaStream, DriverError};

use super::gemm::Blas;
use super::{Cuda, failed};
use crate::device::{Precision, Result};

/// A stream that runs concurrently with the device's main stream.
pub(super) struct Branch {
    blas: Blas,
    stream: Arc<CudaStream>,
    forked: CudaEvent,
    ended: CudaEvent,
    /// Whether work was queued since the last join.
    open: Cell<bool>,
}

impl Branch {
    /// A branch whose stream has the given priority.
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
    /// cuBLAS on the branch, whose next work waits for everything queued so far.
    pub(super) fn fork(&self) -> &Blas {
        let branch = &self.branch;
        self.note_failure("forking", follow(&branch.stream, &branch.forked, &self.stream));
        branch.open.set(true);
        &branch.blas
    }

    /// The branch's stream.
    pub(super) fn branch_stream(&self) -> &CudaStream {
        &self.branch.stream
    }

    /// Makes the main stream wait for the branch.
    pub(super) fn join(&self) {
        let branch = &self.branch;
        if branch.open.replace(false) {
            self.note_failure("joining", follow(&self.stream, &branch.ended, &branch.stream));
        }
    }
}

/// Makes `stream` wait for everything queued on `other`.
fn follow(
    stream: &CudaStream,
    event: &CudaEvent,
    other: &CudaStream,
) -> std::result::Result<(), DriverError> {
    event.record(other)?;
    stream.wait(event)
}

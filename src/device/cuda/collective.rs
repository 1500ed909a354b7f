//! Sums and copies between GPUs, by NCCL, on the main stream.

use std::sync::Arc;

use super::memory::{View, ViewMut};
use super::nccl::{Communicator, UniqueId};
use super::{Cuda, CudaProblem, failed, libraries};
use crate::device::ops::{Collective, Linear, contract};
use crate::device::{Element, Memory, Ranks, Result};

/// What a GPU was doing when [`CudaProblem::Failed`] is about other ranks.
pub const COMMUNICATING: &str = "communicating with other ranks";

impl Cuda {
    /// Whether GPUs can be [connected](Cuda::connect) here.
    ///
    /// # Errors
    /// When NCCL cannot be found.
    pub fn require_nccl() -> Result<()> {
        let found = libraries::nccl().as_ref().map(drop);
        Ok(found.map_err(|searched| no_nccl(searched))?)
    }

    /// What the ranks of a run need to [connect](Cuda::connect), made by one of them.
    ///
    /// # Errors
    /// When NCCL cannot be found, or finds no way to communicate.
    pub fn unique_id() -> Result<UniqueId> {
        let (_, nccl) = libraries::nccl().as_ref().map_err(|searched| no_nccl(searched))?;
        nccl.unique_id().map_err(failed(COMMUNICATING))
    }

    /// Connects this GPU with those of the other ranks; waits until all ranks do so.
    ///
    /// # Errors
    /// When NCCL cannot be found, a rank cannot be reached, or two use the same GPU.
    pub fn connect(&mut self, ranks: Ranks, id: UniqueId) -> Result<Arc<Communicator>> {
        let (_, nccl) = libraries::nccl().as_ref().map_err(|searched| no_nccl(searched))?;
        let connected = self.with_context(|| Communicator::new(nccl, ranks, id));
        let communicator = Arc::new(connected.map_err(failed(COMMUNICATING))?);
        self.communicator = Some(Arc::clone(&communicator));
        self.try_collectives(ranks)?;
        Ok(communicator)
    }
}

impl Cuda {
    /// Calls each operation once: NCCL connects ranks and allocates memory when it is first needed, which
    /// must be before memory is planned.
    fn try_collectives(&self, ranks: Ranks) -> Result<()> {
        let mut all = self.allocate::<f32>(1 + ranks.size)?;
        let (mut own, gathered) = all.view_mut(0..1 + ranks.size).split(1);
        self.broadcast(own.reborrow());
        self.all_gather(gathered, own.read());
        self.barrier()
    }
}

fn no_nccl(searched: &[String]) -> CudaProblem {
    CudaProblem::NoNccl { searched: searched.to_vec() }
}

impl Cuda {
    /// Fails if communication was aborted: then operations have ended without a result.
    pub(super) fn check_communication(&self) -> Result<()> {
        match &self.communicator {
            None => Ok(()),
            Some(communicator) => communicator.aborted().map_err(failed(COMMUNICATING)),
        }
    }
}

impl Collective for Cuda {
    fn ranks(&self) -> Ranks {
        self.communicator.as_ref().map_or(Ranks::ALONE, |communicator| communicator.ranks)
    }

    fn all_reduce(&self, x: ViewMut<'_, f32>) {
        let Some(communicator) = &self.communicator else { return };
        // The branch computes the weight gradients.
        self.join();
        let stream = self.stream.cu_stream();
        // SAFETY: the view is as long as this, and its buffer outlives the operation.
        let queued =
            self.with_context(|| unsafe { communicator.all_reduce(x.pointer(), x.len(), stream) });
        self.note_failure(COMMUNICATING, queued);
    }

    fn all_gather(&self, all: ViewMut<'_, f32>, own: View<'_, f32>) {
        contract::all_gather(&all, &own, self.ranks());
        let (stream, n) = (self.stream.cu_stream(), own.len());
        let Some(communicator) = &self.communicator else {
            return self.copy(all, own, n);
        };
        // SAFETY: the views are as long as this, and their buffers outlive the operation.
        let queued = self.with_context(|| unsafe {
            communicator.all_gather(all.pointer(), own.pointer(), n, stream)
        });
        self.note_failure(COMMUNICATING, queued);
    }

    fn broadcast<T: Element>(&self, x: ViewMut<'_, T>) {
        let Some(communicator) = &self.communicator else { return };
        let (stream, bytes) = (self.stream.cu_stream(), x.len() * size_of::<T>());
        // SAFETY: the view is as long as this, and its buffer outlives the operation.
        let queued =
            self.with_context(|| unsafe { communicator.broadcast(x.pointer(), bytes, stream) });
        self.note_failure(COMMUNICATING, queued);
    }

    fn barrier(&self) -> Result<()> {
        let mut met = self.allocate::<f32>(1)?;
        self.all_reduce(met.view_mut(0..1));
        self.download(met.view(0..1)).map(drop)
    }
}

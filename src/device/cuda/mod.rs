//! The CUDA device: our kernels, cuBLAS for matrix multiplications, CUDA graphs for iterations.
//!
//! | module | holds |
//! |---|---|
//! | `search_paths`, [`libraries`] | where CUDA's libraries are searched for, and opening them |
//! | [`nvrtc`], `target`, [`images`] | compiled kernels: built with this crate, or at first use |
//! | [`probe`], `unavailable` | whether a GPU can be used, and why not |
//! | `gpu` | what all streams on a GPU share |
//! | `kernels` | typed launchers, generated from the kernels' signatures |
//! | `launch` | launch geometry, and the launch itself |
//! | `memory` | buffers and views |
//! | `gemm` | matrix multiplications by cuBLAS |
//! | `own_gemm` | the same for layers with few rows, by our kernels |
//! | `part_sums` | memory for sums over parts of the rows, and over ranks |
//! | `branch` | a second stream, for weight gradients |
//! | [`nccl`] | sums and copies between GPUs |
//! | `exclusive` | what must not happen during a capture |
//! | `graph` | CUDA graphs |
//! | `timing` | timing of operations |
//! | `linear` … `spectral_norm` | the operations, a file per family, as in [`crate::device::ops`] |
//!
//! A [`Cuda`] queues all its work on one stream, in order, except weight gradients, which run
//! concurrently on a branch. Operations are asynchronous: a failure is kept and reported by the next
//! [`Memory::download`]. Several devices share a GPU: its context and the loaded kernels.

// The driver and cuBLAS are C libraries.
#![allow(unsafe_code)]

mod augment;
mod batch_norm;
mod branch;
mod collective;
mod convolution;
mod embedding;
mod exclusive;
mod gemm;
mod gpu;
mod graph;
pub mod images;
mod kernels;
mod launch;
pub mod libraries;
mod linear;
mod loss;
mod memory;
pub mod nccl;
pub mod nvrtc;
mod optimizer;
mod own_gemm;
mod part_sums;
mod penalty;
pub mod probe;
mod problem;
mod random;
mod search_paths;
mod spectral_norm;
mod target;
mod timing;
mod unavailable;

use std::cell::RefCell;
use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use cudarc::driver::sys::CUresult;
use cudarc::driver::{CudaContext, CudaStream, DriverError, result};
use tracing::info;

use super::{Element, Gemm, Memory, Precision};
use crate::device::{Error, Result};
use crate::memory::OutOfMemory;
use branch::Branch;
pub use collective::COMMUNICATING;
use exclusive::Exclusive;
use gemm::Blas;
use gpu::Gpu;
pub use graph::Graph;
use launch::MAX_SUMS;
pub use memory::{Buffer, View, ViewMut};
use nccl::Communicator;
pub use problem::CudaProblem;
pub use unavailable::Unavailable;

/// How a GPU is used.
#[derive(Clone, Copy, Debug)]
pub struct CudaOptions {
    /// The precision of matrix multiplications.
    pub precision: Precision,
    /// How the matrices of fully connected layers are multiplied.
    pub gemm: Gemm,
    /// Whether repeated sequences of operations are captured and launched as CUDA graphs.
    pub graphs: bool,
}

impl Default for CudaOptions {
    fn default() -> Self {
        Self { precision: Precision::F32, gemm: Gemm::Cublas, graphs: true }
    }
}

/// A GPU, and a CUDA stream on it.
///
/// Several streams share a GPU: [`Memory::new_stream`] makes another one.
pub struct Cuda {
    // Fields are dropped in this order: users of a stream before the stream, the GPU last.
    /// The connection with the GPUs of other ranks, if there are any.
    communicator: Option<Arc<Communicator>>,
    branch: Branch,
    blas: Blas,
    stream: Arc<CudaStream>,
    /// Scratch memory: partial sums over parts of a matrix's rows, three per part and column.
    sums: RefCell<Buffer<f32>>,
    /// Such sums of all ranks; the last one is the largest. Captured graphs may use the others.
    gathered: RefCell<Vec<Buffer<f32>>>,
    gpu: Arc<Gpu>,
    /// The first failure of a queued operation that has not been reported yet.
    failure: RefCell<Option<Error>>,
    /// While a graph is captured, and when its operations run for the first time.
    turn: RefCell<Option<Exclusive>>,
}

impl Cuda {
    /// Opens the GPU with this ordinal.
    ///
    /// # Errors
    /// When there is no such GPU, or it cannot be used this way, with the reason.
    pub fn open(ordinal: usize, options: CudaOptions) -> Result<Self> {
        let begun = Instant::now();
        let device = Self::on(Arc::new(Gpu::open(ordinal, options)?))?;
        let description = &device.gpu.description;
        info!(description, graphs = options.graphs, elapsed = ?begun.elapsed(), "computing on a GPU");
        Ok(device)
    }

    /// Opens further streams on the GPU, from any thread.
    pub fn opener(&self) -> impl Fn() -> Result<Self> + Send + Sync + use<> {
        let gpu = self.gpu.clone();
        move || Self::on(gpu.clone())
    }

    /// A new stream on a GPU.
    fn on(gpu: Arc<Gpu>) -> Result<Self> {
        // Not the default stream, which cannot be captured. Its priority is above the branch's: the
        // next layer waits for it.
        let (lowest, highest) = priorities(&gpu.context).map_err(failed("starting"))?;
        let stream = gpu.context.new_stream_with_priority(highest).map_err(failed("starting"))?;
        Ok(Self {
            communicator: None,
            branch: Branch::new(&gpu.context, lowest, gpu.options.precision)?,
            blas: Blas::new(&stream, gpu.options.precision)?,
            sums: RefCell::new(
                Buffer::uninitialized(&stream, 3 * MAX_SUMS)
                    .map_err(failed("allocating memory"))?,
            ),
            gathered: RefCell::default(),
            stream,
            gpu,
            failure: RefCell::new(None),
            turn: RefCell::new(None),
        })
    }

    /// Whether this is the emulator, which runs kernels on the CPU, for tests.
    pub fn is_emulated(&self) -> bool {
        self.gpu.description.starts_with("Emulated")
    }

    /// Calls the driver or a library with this device's context bound to the calling thread.
    fn with_context<T>(&self, call: impl FnOnce() -> T) -> T {
        self.note_failure("binding its context", self.gpu.context.bind_to_thread());
        call()
    }

    /// Keeps a failure for the next download.
    fn note_failure<E>(&self, action: &'static str, queued: Result<(), E>)
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        if let Err(error) = queued {
            self.failure.borrow_mut().get_or_insert_with(|| failed(action)(error));
        }
    }

    /// Waits until the stream is idle.
    fn wait(&self) -> Result<()> {
        // SAFETY: the stream is alive.
        unsafe { result::stream::synchronize(self.stream.cu_stream()) }
            .map_err(failed("computing"))?;
        self.check_communication()
    }

    /// Reports a failure that was noted.
    fn take_failure(&self) -> Result<()> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

    /// The error when an allocation of `asked` bytes fails.
    fn out_of_memory(&self, asked: usize) -> Error {
        let free = self.free_memory().unwrap_or(0);
        let remedy = "stop other programs that use it, or ask for a smaller batch".to_owned();
        OutOfMemory { device: self.gpu.description.clone(), asked, free, remedy }.into()
    }
}

impl Memory for Cuda {
    type Real = f32;
    type Buffer<T: Element> = Buffer<T>;
    type View<'a, T: Element> = View<'a, T>;
    type ViewMut<'a, T: Element> = ViewMut<'a, T>;
    type Graph = Graph;

    const ON_HOST: bool = false;
    /// cuBLAS's tensor-core kernels require rows aligned to 16 bytes: four numbers as stored, eight
    /// when converted to bfloat16 first.
    const ROW_ALIGNMENT: usize = 8;

    fn describe(&self) -> String {
        self.gpu.description.clone()
    }

    fn new_stream(&self) -> Result<Self> {
        Self::on(self.gpu.clone())
    }

    fn free_memory(&self) -> Option<usize> {
        self.gpu.context.mem_get_info().ok().map(|(free, _)| free)
    }

    fn allocate<T: Element>(&self, len: usize) -> Result<Buffer<T>> {
        Buffer::zeros(&self.stream, len).map_err(|error| match error.0 {
            CUresult::CUDA_ERROR_OUT_OF_MEMORY => self.out_of_memory(len * size_of::<T>()),
            _ => failed("allocating memory")(error),
        })
    }

    fn view<T: Element>(buffer: &Buffer<T>, range: Range<usize>) -> View<'_, T> {
        buffer.view(range)
    }

    fn view_mut<T: Element>(buffer: &mut Buffer<T>, range: Range<usize>) -> ViewMut<'_, T> {
        buffer.view_mut(range)
    }

    fn reborrow<'a, T: Element>(view: &'a View<'_, T>) -> View<'a, T> {
        *view
    }

    fn reborrow_mut<'a, T: Element>(view: &'a mut ViewMut<'_, T>) -> ViewMut<'a, T> {
        view.reborrow()
    }

    fn read<'a, T: Element>(view: &'a ViewMut<'_, T>) -> View<'a, T> {
        view.read()
    }

    fn split<'a, T: Element>(
        view: Self::View<'a, T>,
        middle: usize,
    ) -> (Self::View<'a, T>, Self::View<'a, T>) {
        view.split(middle)
    }

    fn split_mut<'a, T: Element>(
        view: Self::ViewMut<'a, T>,
        middle: usize,
    ) -> (Self::ViewMut<'a, T>, Self::ViewMut<'a, T>) {
        view.split(middle)
    }

    fn upload<T: Element>(&self, to: ViewMut<'_, T>, from: &[T]) -> Result<()> {
        assert_eq!(to.len(), from.len());
        if from.is_empty() {
            return Ok(());
        }
        self.join();
        self.take_failure()?;
        let stream = self.stream.cu_stream();
        // SAFETY: the view is as long as the slice, which outlives the wait below: the driver may
        // read it after the call.
        self.with_context(|| unsafe { result::memcpy_htod_async(to.pointer(), from, stream) })
            .map_err(failed("copying to its memory"))?;
        self.wait()
    }

    fn download<T: Element>(&self, from: View<'_, T>) -> Result<Vec<T>> {
        self.join();
        self.take_failure()?;
        let mut to = vec![T::default(); from.len()];
        if to.is_empty() {
            return Ok(to);
        }
        let stream = self.stream.cu_stream();
        // SAFETY: the view is as long as the vector, which outlives the wait below.
        self.with_context(|| unsafe { result::memcpy_dtoh_async(&mut to, from.pointer(), stream) })
            .map_err(failed("computing"))?;
        self.wait()?;
        Ok(to)
    }

    fn launch_graph(&self, graph: &mut Graph) -> bool {
        self.launch_or_capture(graph)
    }

    fn end_capture(&self, graph: &mut Graph) {
        self.finish_capture(graph);
    }
}

/// The lowest and the highest priority of a stream.
fn priorities(context: &CudaContext) -> Result<(i32, i32), DriverError> {
    context.bind_to_thread()?;
    result::stream::get_priority_range()
}

/// For `map_err`: an error that says what the GPU was doing when it failed.
fn failed<E>(action: &'static str) -> impl FnOnce(E) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| CudaProblem::Failed { action, source: Box::new(source) }.into()
}

//! The CUDA device: our kernels, cuBLAS's matrix products, one graph for an iteration.
//!
//! | module | holds |
//! |---|---|
//! | `places`, [`libraries`] | where CUDA's libraries are, and opening them |
//! | [`nvrtc`], `target`, [`images`] | compiled kernels: made when this crate was built, or at first use |
//! | [`probe`], `unavailable` | whether a GPU can be used, and why not |
//! | `gpu` | what all streams of operations on a GPU share |
//! | `kernels` | typed launchers, generated from the kernels' signatures |
//! | `codes` | the numbers of the kernels' enums, generated too |
//! | `launch` | geometry, and the launch itself |
//! | `memory` | buffers and views |
//! | `gemm` | matrix products by cuBLAS |
//! | `branch` | a second stream, for gradients of weights |
//! | `recording` | CUDA graphs |
//! | `timing` | how long operations take |
//! | `linear` … `batch` | the operations, a file per family, as in [`crate::device::ops`] |
//!
//! All work of a [`Cuda`] goes to one stream, in order, but for gradients of weights, which a branch
//! computes beside it. Operations only queue; what fails is noted and reported by the next
//! [`Memory::download`]. Several share a GPU: its context and the loaded kernels.

// The driver's and cuBLAS's functions are C.
#![allow(unsafe_code)]

mod batch;
mod batch_norm;
mod branch;
mod codes;
mod convolution;
mod embedding;
mod gemm;
mod gpu;
pub mod images;
mod kernels;
mod launch;
pub mod libraries;
mod linear;
mod loss;
mod memory;
pub mod nvrtc;
mod optimizer;
mod places;
pub mod probe;
mod problem;
mod random;
mod recording;
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

use super::{Element, Memory, Precision};
use crate::device::{Error, Result};
use crate::memory::OutOfMemory;
use branch::Branch;
use gemm::Blas;
use gpu::Gpu;
use launch::MOST_SUMS;
pub use memory::{Buffer, View, ViewMut};
pub use problem::CudaProblem;
pub use recording::Recording;
pub use unavailable::Unavailable;

/// A GPU, and a stream of operations on it.
///
/// Several streams share a GPU: [`Memory::new_stream`] makes another one.
pub struct Cuda {
    // Fields are dropped in this order: what uses a stream before the stream, the GPU last.
    branch: Branch,
    blas: Blas,
    stream: Arc<CudaStream>,
    /// Sums over parts of a matrix's rows, two kinds of them.
    sums: RefCell<Buffer<f32>>,
    gpu: Arc<Gpu>,
    /// The first failure of a queued operation that no download has reported.
    failure: RefCell<Option<Error>>,
}

impl Cuda {
    /// The GPU of this number, multiplying matrices in `precision`; with `graphs`, operations that
    /// come again are recorded and replayed.
    ///
    /// # Errors
    /// When there is no such GPU, or it cannot be used so, with the reason.
    pub fn open(ordinal: usize, precision: Precision, graphs: bool) -> Result<Self> {
        let begun = Instant::now();
        let device = Self::on(Arc::new(Gpu::open(ordinal, precision, graphs)?))?;
        let description = &device.gpu.description;
        info!(description, graphs, elapsed = ?begun.elapsed(), "computing on a GPU");
        Ok(device)
    }

    /// A stream of operations on a GPU.
    fn on(gpu: Arc<Gpu>) -> Result<Self> {
        // A stream of its own, since the default one cannot be captured. Its work goes before the
        // branch's: the next layer waits for it.
        let (lowest, highest) = priorities(&gpu.context).map_err(failed("starting"))?;
        let stream = gpu.context.new_stream_with_priority(highest).map_err(failed("starting"))?;
        Ok(Self {
            branch: Branch::new(&gpu.context, lowest, gpu.precision)?,
            blas: Blas::new(&stream, gpu.precision)?,
            sums: RefCell::new(
                Buffer::uninitialized(&stream, 2 * MOST_SUMS)
                    .map_err(failed("allocating memory"))?,
            ),
            stream,
            gpu,
            failure: RefCell::new(None),
        })
    }

    /// Whether this is a CPU that plays a GPU, for tests.
    pub fn is_emulated(&self) -> bool {
        self.gpu.description.starts_with("Emulated")
    }

    /// Calls the driver or a library with this device's context on the calling thread.
    fn bound<T>(&self, call: impl FnOnce() -> T) -> T {
        self.note("taking up its context", self.gpu.context.bind_to_thread());
        call()
    }

    /// Keeps a failure for the next download.
    fn note<E>(&self, action: &'static str, queued: Result<(), E>)
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        if let Err(error) = queued {
            self.failure.borrow_mut().get_or_insert_with(|| failed(action)(error));
        }
    }

    /// Waits for all that is queued on the stream.
    fn wait(&self) -> Result<()> {
        // SAFETY: the stream is alive.
        unsafe { result::stream::synchronize(self.stream.cu_stream()) }.map_err(failed("computing"))
    }

    /// Reports what was noted.
    fn noted(&self) -> Result<()> {
        self.failure.borrow_mut().take().map_or(Ok(()), Err)
    }

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
    type Recording = Recording;

    const ON_HOST: bool = false;
    /// cuBLAS's kernels for tensor cores want rows that begin at 16 bytes: four numbers as they are
    /// stored, eight where they are converted to bfloat16 first.
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
        self.noted()?;
        let stream = self.stream.cu_stream();
        // SAFETY: the view is as long as the slice, which stays until the stream is done: the driver
        // may read it after the call.
        self.bound(|| unsafe { result::memcpy_htod_async(to.pointer(), from, stream) })
            .map_err(failed("copying to its memory"))?;
        self.wait()
    }

    fn download<T: Element>(&self, from: View<'_, T>) -> Result<Vec<T>> {
        self.join();
        self.noted()?;
        let mut to = vec![T::default(); from.len()];
        if to.is_empty() {
            return Ok(to);
        }
        let stream = self.stream.cu_stream();
        // SAFETY: the view is as long as the vector, which stays until the stream is done.
        self.bound(|| unsafe { result::memcpy_dtoh_async(&mut to, from.pointer(), stream) })
            .map_err(failed("computing"))?;
        self.wait()?;
        Ok(to)
    }

    fn replay(&self, recording: &mut Recording) -> bool {
        self.replay_graph(recording)
    }

    fn record(&self, recording: &mut Recording) {
        self.record_graph(recording);
    }
}

/// The lowest and the highest priority of a stream.
fn priorities(context: &CudaContext) -> Result<(i32, i32), DriverError> {
    context.bind_to_thread()?;
    result::stream::get_priority_range()
}

/// For `map_err`: what the GPU was doing when it failed.
fn failed<E>(action: &'static str) -> impl FnOnce(E) -> Error
where
    E: std::error::Error + Send + Sync + 'static,
{
    move |source| CudaProblem::Failed { action, source: Box::new(source) }.into()
}

//! The CPU device: every operation as readable loops.
//!
//! In `f64` it is the reference of the tests, in `f32` the default where no GPU is found. Loops
//! are plain Rust, compiled for the widest vectors of the running processor (`simd::vectorized`)
//! and parallelized by a persistent `thread_pool::ThreadPool`. No result depends on the number of
//! threads: they divide the outputs among them, never a sum.

mod activation;
mod augment;
mod batch_norm;
mod buffer;
mod collective;
pub(crate) mod convolution;
mod embedding;
pub(crate) mod gemm;
mod linear;
mod loss;
mod optimizer;
mod penalty;
mod random;
mod row_sums;
pub(crate) mod scratch;
mod simd;
mod single_output;
mod spectral_norm;
pub(crate) mod thread_pool;
mod threads;

use std::cell::{RefCell, RefMut};
use std::ops::Range;

use super::{ConvolutionForm, Element, Memory, Real};
use crate::device::{Result, ops};
use crate::memory::{self, OutOfMemory};
pub use buffer::Buffer;
pub use collective::Member;
use convolution::Convolve;
use gemm::Multiply;
use thread_pool::ThreadPool;
pub use threads::default_threads;

/// A number type that the CPU device computes in.
#[allow(private_bounds)]
pub trait CpuReal: Real + Multiply + Convolve {}

impl CpuReal for f32 {}
impl CpuReal for f64 {}

/// The CPU as a device, computing in `T`.
pub struct Cpu<T: CpuReal> {
    pool: ThreadPool,
    form: ConvolutionForm,
    /// Scratch memory for column sums; it only ever grows.
    sums: RefCell<Vec<T>>,
    /// Its membership in a group of devices that train together.
    member: Option<Member>,
}

impl<T: CpuReal> Cpu<T> {
    /// A device that computes on `threads` threads (at least one).
    pub fn new(threads: usize) -> Self {
        Self::with_form(threads, ConvolutionForm::Direct)
    }

    /// The same with a convolution algorithm, which applies to `f32`; `f64` is always direct.
    pub fn with_form(threads: usize, form: ConvolutionForm) -> Self {
        Self { pool: ThreadPool::new(threads.max(1)), form, sums: RefCell::default(), member: None }
    }

    /// Scratch memory for `len` sums, uninitialized in value.
    fn column_sums(&self, len: usize) -> RefMut<'_, [T]> {
        RefMut::map(self.sums.borrow_mut(), |sums| {
            if sums.len() < len {
                sums.resize(len, T::ZERO);
            }
            &mut sums[..len]
        })
    }
}

/// Products are blocked for the caches: what follows them is computed separately.
impl<T: CpuReal> ops::Fused for Cpu<T> {}

impl<T: CpuReal> Memory for Cpu<T> {
    type Real = T;
    type Buffer<E: Element> = Buffer<E>;
    type View<'a, E: Element> = &'a [E];
    type ViewMut<'a, E: Element> = &'a mut [E];
    /// Operations run as they are called: there is nothing to gain from a graph.
    type Graph = ();

    const ON_HOST: bool = true;
    /// The matrix multiplication packs its operands, so their row alignment does not matter.
    const ROW_ALIGNMENT: usize = 1;

    fn describe(&self) -> String {
        let threads = match self.pool.threads() {
            1 => "CPU, 1 thread".to_owned(),
            threads => format!("CPU, {threads} threads"),
        };
        match self.form {
            ConvolutionForm::Direct => threads,
            ConvolutionForm::Winograd => format!("{threads}, Winograd convolutions"),
        }
    }

    /// A device with a thread pool of its own, of the same size.
    fn new_stream(&self) -> Result<Self> {
        Ok(Self::with_form(self.pool.threads(), self.form))
    }

    fn free_memory(&self) -> Option<usize> {
        memory::available()
    }

    fn allocate<E: Element>(&self, len: usize) -> Result<Buffer<E>> {
        let refused = |_| OutOfMemory {
            device: self.describe(),
            asked: len.saturating_mul(size_of::<E>()),
            free: memory::available().unwrap_or(0),
            remedy: "ask for a smaller batch or smaller layers".to_owned(),
        };
        Ok(Buffer::zeros(len).map_err(refused)?)
    }

    fn view<E: Element>(buffer: &Buffer<E>, range: Range<usize>) -> &[E] {
        buffer.view(range)
    }

    fn view_mut<E: Element>(buffer: &mut Buffer<E>, range: Range<usize>) -> &mut [E] {
        buffer.view_mut(range)
    }

    fn reborrow<'a, E: Element>(view: &'a &[E]) -> &'a [E] {
        view
    }

    fn reborrow_mut<'a, E: Element>(view: &'a mut &mut [E]) -> &'a mut [E] {
        view
    }

    fn read<'a, E: Element>(view: &'a &mut [E]) -> &'a [E] {
        view
    }

    fn split<'a, E: Element>(
        view: Self::View<'a, E>,
        middle: usize,
    ) -> (Self::View<'a, E>, Self::View<'a, E>) {
        view.split_at(middle)
    }

    fn split_mut<'a, E: Element>(
        view: Self::ViewMut<'a, E>,
        middle: usize,
    ) -> (Self::ViewMut<'a, E>, Self::ViewMut<'a, E>) {
        view.split_at_mut(middle)
    }

    fn upload<E: Element>(&self, to: &mut [E], from: &[E]) -> Result<()> {
        to.copy_from_slice(from);
        Ok(())
    }

    fn download<E: Element>(&self, from: &[E]) -> Result<Vec<E>> {
        Ok(from.to_vec())
    }

    fn launch_graph(&self, (): &mut ()) -> bool {
        false
    }

    fn end_capture(&self, (): &mut ()) {}
}

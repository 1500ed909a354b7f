//! Devices: the memory that tensors live in, and the operations that run on them.
//!
//! | module | holds |
//! |---|---|
//! | this one | [`Memory`]: buffers, views of them, copies to and from the host |
//! | [`ops`] | the contract of every operation: formula, derivative, shapes |
//! | `codes` | the values of the kernels' enums, generated |
//! | [`cpu`] | the CPU device: `f32` for training, `f64` as the reference of the tests |
//! | [`cuda`] | the CUDA device, in `f32` |
//!
//! Code above this module is generic over a device, `D: Device`; only `cli` and parts of `eval` name a
//! concrete one.
//! Operations are asynchronous and return no errors: a device that runs them later (a GPU) reports
//! a failure at the next [`Memory::download`], as CUDA itself does.

mod choice;
mod codes;
mod convolution_form;
pub mod cpu;
pub mod cuda;
mod error;
mod gemm;
pub mod ops;
mod precision;
mod ranks;
mod real;

use std::ops::Range;

pub use choice::DeviceChoice;
pub use convolution_form::ConvolutionForm;
pub use error::{Error, Result};
pub use gemm::Gemm;
pub use precision::Precision;
pub use ranks::Ranks;
pub use real::{Element, Real};

/// Buffers on a device: allocation, views, copies to and from the host, captured graphs.
pub trait Memory: Sized + 'static {
    /// The floating-point type of weights, activations and gradients.
    type Real: Real;
    /// An allocation of the device.
    type Buffer<T: Element>;
    /// A read-only view of part of a buffer.
    type View<'a, T: Element>: Copy;
    /// A writable view of part of a buffer.
    type ViewMut<'a, T: Element>;

    /// A captured sequence of operations: a CUDA graph, or nothing on a device without graphs.
    type Graph: Default;

    /// Whether device memory is host memory.
    const ON_HOST: bool;

    /// Where the rows of a matrix multiplication's operands may be padded with zeros, their length is
    /// padded to a multiple of this, for speed.
    const ROW_ALIGNMENT: usize;

    /// A human-readable description of the device.
    fn describe(&self) -> String;

    /// The same device with a stream of its own, which trains [alone](Ranks::ALONE): operations on one
    /// stream do not wait for those on another. Graphs belong to the stream that captured them. Buffers
    /// belong to the device: a stream may use what another one has allocated and written, once that
    /// stream has been
    /// synchronized, as [`Memory::download`] does.
    ///
    /// # Errors
    /// When the device has not enough memory, or failed.
    fn new_stream(&self) -> Result<Self>;

    /// Bytes that can still be allocated, if the device knows.
    fn free_memory(&self) -> Option<usize>;

    /// A new buffer of `len` zeros.
    ///
    /// # Errors
    /// When the device has not enough memory.
    fn allocate<T: Element>(&self, len: usize) -> Result<Self::Buffer<T>>;

    /// A read-only view of the elements `range` of `buffer`.
    fn view<T: Element>(buffer: &Self::Buffer<T>, range: Range<usize>) -> Self::View<'_, T>;

    /// A writable view of the elements `range` of `buffer`.
    fn view_mut<T: Element>(
        buffer: &mut Self::Buffer<T>,
        range: Range<usize>,
    ) -> Self::ViewMut<'_, T>;

    /// Reborrows a view for a shorter lifetime, which the compiler does not do by itself for
    /// associated types.
    fn reborrow<'a, T: Element>(view: &'a Self::View<'_, T>) -> Self::View<'a, T>;

    /// The same for a writable view.
    fn reborrow_mut<'a, T: Element>(view: &'a mut Self::ViewMut<'_, T>) -> Self::ViewMut<'a, T>;

    /// A read-only view of what a writable one views.
    fn read<'a, T: Element>(view: &'a Self::ViewMut<'_, T>) -> Self::View<'a, T>;

    /// Splits a view in two: the first `middle` elements and the rest.
    fn split<'a, T: Element>(
        view: Self::View<'a, T>,
        middle: usize,
    ) -> (Self::View<'a, T>, Self::View<'a, T>);

    /// The same for a writable view.
    fn split_mut<'a, T: Element>(
        view: Self::ViewMut<'a, T>,
        middle: usize,
    ) -> (Self::ViewMut<'a, T>, Self::ViewMut<'a, T>);

    /// Copies host memory to the device; the lengths must be equal. The host memory may be changed as
    /// soon as this returns.
    ///
    /// # Errors
    /// When the device or a previously queued operation failed.
    fn upload<T: Element>(&self, to: Self::ViewMut<'_, T>, from: &[T]) -> Result<()>;

    /// Waits for all queued operations and copies device memory to the host.
    ///
    /// # Errors
    /// When the device or a previously queued operation failed.
    fn download<T: Element>(&self, from: Self::View<'_, T>) -> Result<Vec<T>>;

    /// Launches a captured graph. Returns `false` if nothing is captured yet: then the caller queues
    /// the operations itself, the same ones each time, and calls [`Memory::end_capture`].
    fn launch_graph(&self, graph: &mut Self::Graph) -> bool;

    /// Ends the sequence of operations queued since [`Memory::launch_graph`] returned `false`.
    fn end_capture(&self, graph: &mut Self::Graph);
}

/// A device: memory and every operation of [`ops`].
pub trait Device:
    Memory
    + ops::Linear
    + ops::Convolution
    + ops::BatchNorm
    + ops::Fused
    + ops::Embedding
    + ops::Loss
    + ops::Optimizer
    + ops::Penalties
    + ops::Random
    + ops::Augment
    + ops::SpectralNorm
    + ops::Collective
{
}

impl<D> Device for D where
    D: Memory
        + ops::Linear
        + ops::Convolution
        + ops::BatchNorm
        + ops::Fused
        + ops::Embedding
        + ops::Loss
        + ops::Optimizer
        + ops::Penalties
        + ops::Random
        + ops::Augment
        + ops::SpectralNorm
        + ops::Collective
{
}

/// A buffer of the device's floating-point type.
pub type FloatBuffer<D> = <D as Memory>::Buffer<<D as Memory>::Real>;
/// A read-only view of floating-point numbers: an input of an operation.
pub type In<'a, D> = <D as Memory>::View<'a, <D as Memory>::Real>;
/// A writable view of floating-point numbers: an output of an operation.
pub type Out<'a, D> = <D as Memory>::ViewMut<'a, <D as Memory>::Real>;
/// A read-only view of integers: labels, image indices, the step.
pub type InInts<'a, D> = <D as Memory>::View<'a, u32>;
/// A writable view of integers.
pub type OutInts<'a, D> = <D as Memory>::ViewMut<'a, u32>;

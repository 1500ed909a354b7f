//! Where numbers live and operations run.
//!
//! | module | holds |
//! |---|---|
//! | this one | [`Memory`]: buffers, views of them, copies to and from the host |
//! | [`ops`] | the contract of every operation: formula, derivative, shapes |
//! | [`cpu`] | the CPU device, in `f32` for work and `f64` for the tests' reference |
//! | [`cuda`] | the CUDA device, in `f32` |
//!
//! Above this module there is one type parameter, `D: Device`, and no mention of a concrete device.
//! Operations are queued and cannot fail on the spot: a device that runs them later (a GPU)
//! reports a failure at the next [`Memory::download`], as CUDA itself does.

mod choice;
mod convolution_form;
pub mod cpu;
pub mod cuda;
mod error;
pub mod ops;
mod precision;
mod real;

use std::ops::Range;

pub use choice::DeviceChoice;
pub use convolution_form::ConvolutionForm;
pub use error::{Error, Result};
pub use precision::Precision;
pub use real::{Element, Real};

/// Buffers on a device and the way to them.
pub trait Memory: Sized + 'static {
    /// The floating-point type of weights, activations and gradients.
    type Real: Real;
    /// An allocation of the device.
    type Buffer<T: Element>;
    /// A part of a buffer, to read.
    type View<'a, T: Element>: Copy;
    /// A part of a buffer, to write.
    type ViewMut<'a, T: Element>;

    /// What a device remembers of operations that come again and again.
    type Recording: Default;

    /// Whether its memory is the machine's own.
    const ON_HOST: bool;

    /// Where rows of operands of matrix products may be padded with zeros, their length is a whole
    /// multiple of this, for the sake of speed.
    const ROW_ALIGNMENT: usize;

    /// What the device is, in words for a person.
    fn describe(&self) -> String;

    /// The same device with a stream of operations of its own: what is queued on one waits for nothing
    /// that is queued on another. Recordings belong to the stream that made them. Buffers are the
    /// device's: a stream may use what another one has allocated and written, once that one has
    /// waited for its operations, as [`Memory::download`] does.
    ///
    /// # Errors
    /// When the device has not enough memory, or failed.
    fn new_stream(&self) -> Result<Self>;

    /// Bytes that can still be allocated, where the device knows.
    fn free_memory(&self) -> Option<usize>;

    /// A new buffer of `len` zeros.
    ///
    /// # Errors
    /// When the device has not enough memory.
    fn allocate<T: Element>(&self, len: usize) -> Result<Self::Buffer<T>>;

    /// The elements `range` of `buffer`, to read.
    fn view<T: Element>(buffer: &Self::Buffer<T>, range: Range<usize>) -> Self::View<'_, T>;

    /// The elements `range` of `buffer`, to write.
    fn view_mut<T: Element>(
        buffer: &mut Self::Buffer<T>,
        range: Range<usize>,
    ) -> Self::ViewMut<'_, T>;

    /// The same elements for a shorter time, which the compiler does not grant by itself.
    fn reborrow<'a, T: Element>(view: &'a Self::View<'_, T>) -> Self::View<'a, T>;

    /// Cuts a view in two: the first `middle` elements and the rest.
    fn split<'a, T: Element>(
        view: Self::View<'a, T>,
        middle: usize,
    ) -> (Self::View<'a, T>, Self::View<'a, T>);

    /// The same of a view to write.
    fn split_mut<'a, T: Element>(
        view: Self::ViewMut<'a, T>,
        middle: usize,
    ) -> (Self::ViewMut<'a, T>, Self::ViewMut<'a, T>);

    /// Copies host memory to the device; the lengths must be equal. The host may change it as soon as
    /// this returns.
    ///
    /// # Errors
    /// When the device, or an operation queued before, failed.
    fn upload<T: Element>(&self, to: Self::ViewMut<'_, T>, from: &[T]) -> Result<()>;

    /// Waits for all queued operations and copies device memory to the host.
    ///
    /// # Errors
    /// When the device, or an operation queued before, failed.
    fn download<T: Element>(&self, from: Self::View<'_, T>) -> Result<Vec<T>>;

    /// Queues the operations of a recording once more; `false` where the device has none yet. Then
    /// the caller queues them itself, the very same each time, and calls [`Memory::record`].
    fn replay(&self, recording: &mut Self::Recording) -> bool;

    /// Ends the operations that were queued since a [`Memory::replay`] that gave `false`.
    fn record(&self, recording: &mut Self::Recording);
}

/// A device: memory and every operation of [`ops`].
pub trait Device:
    Memory
    + ops::Linear
    + ops::Convolution
    + ops::BatchNorm
    + ops::Embedding
    + ops::Loss
    + ops::Optimizer
    + ops::Random
    + ops::Batch
{
}

impl<D> Device for D where
    D: Memory
        + ops::Linear
        + ops::Convolution
        + ops::BatchNorm
        + ops::Embedding
        + ops::Loss
        + ops::Optimizer
        + ops::Random
        + ops::Batch
{
}

/// A buffer of the device's real numbers.
pub type Reals<D> = <D as Memory>::Buffer<<D as Memory>::Real>;
/// Real numbers that an operation reads.
pub type In<'a, D> = <D as Memory>::View<'a, <D as Memory>::Real>;
/// Real numbers that an operation writes.
pub type Out<'a, D> = <D as Memory>::ViewMut<'a, <D as Memory>::Real>;
/// Integers (labels, image numbers, the step) that an operation reads.
pub type InInts<'a, D> = <D as Memory>::View<'a, u32>;
/// Integers that an operation writes.
pub type OutInts<'a, D> = <D as Memory>::ViewMut<'a, u32>;

//! Buffers in GPU memory, and views of them.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::sys::CUdeviceptr;
use cudarc::driver::{CudaContext, CudaStream, DriverError, result};

use crate::device::Element;
use crate::device::ops::contract::Length;

/// An allocation of `len` elements, freed when dropped.
pub struct Buffer<T> {
    context: Arc<CudaContext>,
    pointer: CUdeviceptr,
    len: usize,
    element: PhantomData<T>,
}

/// A read-only view of some elements of a [`Buffer`].
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    pointer: CUdeviceptr,
    len: usize,
    buffer: PhantomData<&'a [T]>,
}

/// A writable view of some elements of a [`Buffer`].
pub struct ViewMut<'a, T> {
    pointer: CUdeviceptr,
    len: usize,
    buffer: PhantomData<&'a mut [T]>,
}

impl<T: Element> Buffer<T> {
    /// Allocates memory, and queues a memset to zero.
    ///
    /// By `cuMemAlloc`, without a memory pool: everything is allocated before the first iteration, so
    /// a pool would save nothing, and compute-sanitizer misses small overruns within a pool.
    pub(super) fn zeros(stream: &Arc<CudaStream>, len: usize) -> Result<Self, DriverError> {
        let buffer = Self::uninitialized(stream, len)?;
        let (pointer, bytes) = (buffer.pointer, Self::bytes(len));
        // SAFETY: the allocation has this many bytes.
        unsafe { result::memset_d8_async(pointer, 0, bytes, stream.cu_stream()) }?;
        Ok(buffer)
    }

    /// Allocates memory without initializing it, for buffers that are written before they are read.
    pub(super) fn uninitialized(stream: &Arc<CudaStream>, len: usize) -> Result<Self, DriverError> {
        let context = stream.context().clone();
        context.bind_to_thread()?;
        // SAFETY: only kernels read the memory, as numbers, for which any bits are valid.
        let pointer = unsafe { result::malloc_sync(Self::bytes(len)) }?;
        Ok(Self { context, pointer, len, element: PhantomData })
    }

    /// Bytes to allocate: at least one, since the driver refuses empty allocations.
    fn bytes(len: usize) -> usize {
        (len * size_of::<T>()).max(1)
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn view(&self, range: Range<usize>) -> View<'_, T> {
        View { pointer: self.at(&range), len: range.len(), buffer: PhantomData }
    }

    pub(super) fn view_mut(&mut self, range: Range<usize>) -> ViewMut<'_, T> {
        ViewMut { pointer: self.at(&range), len: range.len(), buffer: PhantomData }
    }

    fn at(&self, range: &Range<usize>) -> CUdeviceptr {
        assert!(range.start <= range.end && range.end <= self.len, "{range:?} of {}", self.len);
        self.pointer + (range.start * size_of::<T>()) as CUdeviceptr
    }
}

impl<T> Drop for Buffer<T> {
    /// Waits for the device. If the device has failed, freeing fails too; that error is ignored, since
    /// the next download reports the first failure.
    fn drop(&mut self) {
        let _ = self.context.bind_to_thread();
        // SAFETY: views borrow the buffer, so no references to the memory are left.
        let _ = unsafe { result::free_sync(self.pointer) };
    }
}

impl<T> Length for View<'_, T> {
    fn length(&self) -> usize {
        self.len
    }
}

impl<T> Length for ViewMut<'_, T> {
    fn length(&self) -> usize {
        self.len
    }
}

impl<'a, T: Element> View<'a, T> {
    /// The address of the first element.
    pub(super) fn pointer(&self) -> CUdeviceptr {
        self.pointer
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The elements from `start` on.
    pub(super) fn from(self, start: usize) -> Self {
        assert!(start <= self.len);
        let pointer = self.pointer + (start * size_of::<T>()) as CUdeviceptr;
        Self { pointer, len: self.len - start, buffer: PhantomData }
    }

    pub(super) fn split(self, middle: usize) -> (View<'a, T>, View<'a, T>) {
        let rest = self.from(middle);
        (View { len: middle, ..self }, rest)
    }
}

impl<'a, T: Element> ViewMut<'a, T> {
    /// The address of the first element.
    pub(super) fn pointer(&self) -> CUdeviceptr {
        self.pointer
    }

    /// How many elements there are.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// A read-only view of the same elements.
    pub(super) fn read(&self) -> View<'_, T> {
        View { pointer: self.pointer, len: self.len, buffer: PhantomData }
    }

    /// Reborrows the same elements.
    pub(super) fn reborrow(&mut self) -> ViewMut<'_, T> {
        ViewMut { pointer: self.pointer, len: self.len, buffer: PhantomData }
    }

    pub(super) fn split(self, middle: usize) -> (ViewMut<'a, T>, ViewMut<'a, T>) {
        assert!(middle <= self.len);
        let rest = self.pointer + (middle * size_of::<T>()) as CUdeviceptr;
        (
            ViewMut { pointer: self.pointer, len: middle, buffer: PhantomData },
            ViewMut { pointer: rest, len: self.len - middle, buffer: PhantomData },
        )
    }
}

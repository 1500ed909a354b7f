//! Buffers in a GPU's memory, and views of them.

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

/// Some elements of a [`Buffer`], to read.
#[derive(Clone, Copy)]
pub struct View<'a, T> {
    pointer: CUdeviceptr,
    len: usize,
    buffer: PhantomData<&'a [T]>,
}

/// Some elements of a [`Buffer`], to write.
pub struct ViewMut<'a, T> {
    pointer: CUdeviceptr,
    len: usize,
    buffer: PhantomData<&'a mut [T]>,
}

impl<T: Element> Buffer<T> {
    /// Allocates memory, and queues the zeroing of it.
    ///
    /// `cuMemAlloc` and no pool: everything is allocated before the first iteration, so that a pool
    /// would save nothing, and compute-sanitizer misses small overruns within one.
    pub(super) fn zeros(stream: &Arc<CudaStream>, len: usize) -> Result<Self, DriverError> {
        let buffer = Self::uninitialized(stream, len)?;
        let (pointer, bytes) = (buffer.pointer, Self::bytes(len));
        // SAFETY: the allocation has so many bytes.
        unsafe { result::memset_d8_async(pointer, 0, bytes, stream.cu_stream()) }?;
        Ok(buffer)
    }

    /// Allocates memory for what is written before it is read: a kernel that reads too far finds no zeros.
    pub(super) fn uninitialized(stream: &Arc<CudaStream>, len: usize) -> Result<Self, DriverError> {
        let context = stream.context().clone();
        context.bind_to_thread()?;
        // SAFETY: kernels alone read the memory, as numbers, which any bits are.
        let pointer = unsafe { result::malloc_sync(Self::bytes(len)) }?;
        Ok(Self { context, pointer, len, element: PhantomData })
    }

    /// Of an allocation: the driver refuses one of nothing.
    fn bytes(len: usize) -> usize {
        (len * size_of::<T>()).max(1)
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
    /// Waits for the device. Where the device has failed, this fails too and says nothing new: the
    /// failure is reported by the next download.
    fn drop(&mut self) {
        let _ = self.context.bind_to_thread();
        // SAFETY: views borrow the buffer, so nothing refers to the memory any more.
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
        let behind = self.from(middle);
        (View { len: middle, ..self }, behind)
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

    /// The same elements, to read.
    pub(super) fn read(&self) -> View<'_, T> {
        View { pointer: self.pointer, len: self.len, buffer: PhantomData }
    }

    /// The same elements, for the time that the result lives.
    pub(super) fn again(&mut self) -> ViewMut<'_, T> {
        ViewMut { pointer: self.pointer, len: self.len, buffer: PhantomData }
    }

    pub(super) fn split(self, middle: usize) -> (ViewMut<'a, T>, ViewMut<'a, T>) {
        assert!(middle <= self.len);
        let behind = self.pointer + (middle * size_of::<T>()) as CUdeviceptr;
        (
            ViewMut { pointer: self.pointer, len: middle, buffer: PhantomData },
            ViewMut { pointer: behind, len: self.len - middle, buffer: PhantomData },
        )
    }
}

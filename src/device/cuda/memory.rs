//! Buffers in a GPU's memory, and views of them.

use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use cudarc::driver::sys::CUdeviceptr;
use cudarc::driver::{CudaSlice, CudaStream, DevicePtr, DriverError};

use crate::device::Element;

/// An allocation of `len` elements, freed when dropped.
pub struct Buffer<T> {
    /// Frees the memory when dropped.
    _bytes: CudaSlice<u8>,
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
    /// Queues an allocation and the zeroing of it.
    pub(super) fn zeros(stream: &Arc<CudaStream>, len: usize) -> Result<Self, DriverError> {
        // The driver refuses an allocation of nothing.
        let bytes = stream.alloc_zeros::<u8>((len * size_of::<T>()).max(1))?;
        let pointer = bytes.device_ptr(stream).0;
        Ok(Self { _bytes: bytes, pointer, len, element: PhantomData })
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

impl<T: Element> View<'_, T> {
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

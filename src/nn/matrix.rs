//! A buffer as a matrix: batches of activations, noise, masks.

use std::ops::Range;

use crate::device::{Device, FloatBuffer, In, Out, Result};

/// A row-major matrix in device memory.
pub struct Matrix<D: Device> {
    buffer: FloatBuffer<D>,
    columns: usize,
}

impl<D: Device> Matrix<D> {
    /// A matrix of zeros.
    ///
    /// # Errors
    /// When the device has not enough memory.
    pub fn zeros(device: &D, rows: usize, columns: usize) -> Result<Self> {
        Ok(Self { buffer: device.allocate(rows * columns)?, columns })
    }

    /// Number of columns.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// A read-only view of some rows.
    pub fn rows(&self, rows: Range<usize>) -> In<'_, D> {
        D::view(&self.buffer, rows.start * self.columns..rows.end * self.columns)
    }

    /// A writable view of some rows.
    pub fn rows_mut(&mut self, rows: Range<usize>) -> Out<'_, D> {
        D::view_mut(&mut self.buffer, rows.start * self.columns..rows.end * self.columns)
    }

    /// A writable view of the first `len` elements.
    pub fn part(&mut self, len: usize) -> Out<'_, D> {
        D::view_mut(&mut self.buffer, 0..len)
    }
}

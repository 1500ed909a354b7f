//! Matrix multiplication (GEMM).
//!
//! Computes `c = a · b` and `c += a · b` for strided views: for `f32` by cache-blocked vector kernels
//! on the thread pool; for `f64`, the reference of the tests, by a plain loop. Every element of `c` is
//! summed along the depth (the inner extent) in a fixed order, in blocks that depend only on the
//! extents: the same bits for every number of threads.
//!
//! - `vector`: the vectors of each instruction set,
//! - `tile`: the micro-kernel, which keeps a tile of the result in registers,
//! - `kernel`: the micro-kernels of each instruction set, and the choice at run time,
//! - `rearrange`: transposing squares and copying rows by vectors,
//! - `pack`: packing operands into the layout that the tiles read,
//! - `addresses`: pointers to the rows of a left operand,
//! - `operands`: where a tile reads its left operand and writes its result,
//! - `blocks`: the common parts of the loops around the tiles,
//! - `row_major` and `transposed`: those loops, for a right operand stored by rows or by columns.

use super::thread_pool::{ColumnBlock, ThreadPool};
use row_major::RowMajor;
use transposed::Transposed;

mod addresses;
pub(super) mod blocks;
pub(super) mod kernel;
pub(super) mod operands;
pub(super) mod pack;
mod rearrange;
mod row_major;
#[cfg(test)]
mod tests;
pub(super) mod tile;
mod transposed;
mod vector;

/// A matrix as a strided view: element (i, j) is `data[i * row_stride + j * column_stride]`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a, T> {
    pub data: &'a [T],
    pub rows: usize,
    pub columns: usize,
    pub row_stride: usize,
    pub column_stride: usize,
}

impl<T> Matrix<'_, T> {
    /// Whether every element lies within `data`.
    fn fits(&self) -> bool {
        self.rows == 0
            || self.columns == 0
            || (self.rows - 1) * self.row_stride + (self.columns - 1) * self.column_stride
                < self.data.len()
    }
}

/// Element types that have a matrix multiplication.
pub(crate) trait Multiply: Copy + Send + Sync + 'static {
    /// `c = a · b`, or `c += a · b` with `accumulate`; c is contiguous and row-major, with shape
    /// (a.rows, b.columns), perhaps followed by further rows. `finish` is called once for every block, of
    /// which none overlap, as soon as it is complete, while it is still in the cache; where there are
    /// further rows, each block has all rows.
    fn multiply(
        pool: &ThreadPool,
        c: &mut [Self],
        a: Matrix<Self>,
        b: Matrix<Self>,
        accumulate: bool,
        finish: impl Fn(&mut ColumnBlock<'_, Self>) + Sync,
    );
}

/// Panics unless the extents of `c = a · b` match.
fn check<T>(c: &[T], a: &Matrix<T>, b: &Matrix<T>) {
    assert_eq!(a.columns, b.rows, "inner extents of a matrix multiplication");
    let whole_rows = c.len().is_multiple_of(b.columns.max(1));
    let rows = whole_rows && c.len() >= a.rows * b.columns;
    assert!(rows, "length of the result of a matrix multiplication");
    assert!(a.fits() && b.fits(), "an operand reaches beyond its data");
}

impl Multiply for f64 {
    fn multiply(
        pool: &ThreadPool,
        c: &mut [f64],
        a: Matrix<f64>,
        b: Matrix<f64>,
        accumulate: bool,
        finish: impl Fn(&mut ColumnBlock<'_, f64>) + Sync,
    ) {
        check(c, &a, &b);
        if c.is_empty() {
            return;
        }
        pool.column_blocks(c, b.columns, |mut block| {
            for i in 0..a.rows {
                let first = block.first_column();
                for (j, out) in block.row(i).iter_mut().enumerate() {
                    let sum = (0..a.columns).fold(0.0, |sum, p| {
                        sum + a.data[i * a.row_stride + p * a.column_stride]
                            * b.data[p * b.row_stride + (first + j) * b.column_stride]
                    });
                    *out = if accumulate { *out + sum } else { sum };
                }
            }
            finish(&mut block);
        });
    }
}

impl Multiply for f32 {
    fn multiply(
        pool: &ThreadPool,
        c: &mut [f32],
        a: Matrix<f32>,
        b: Matrix<f32>,
        accumulate: bool,
        finish: impl Fn(&mut ColumnBlock<'_, f32>) + Sync,
    ) {
        check(c, &a, &b);
        if c.is_empty() {
            return;
        }
        let gemm = blocks::Gemm::new(c, a, b, accumulate);
        // The right operand is mostly the weights: large, and reused only a.rows times. If it is
        // row-major, its rows are packed by copying; if it is transposed, packing would be too slow.
        if b.column_stride == 1 {
            gemm.run::<RowMajor>(pool, finish);
        } else {
            gemm.run::<Transposed>(pool, finish);
        }
    }
}

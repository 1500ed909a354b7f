//! Packing operands.
//!
//! A panel holds some columns of an operand, a multiple of the vector's lanes, as contiguous rows
//! (depth, width), padded with zeros beyond the operand's edge, so that a tile reads one aligned
//! stream.
#![allow(unsafe_code)]
use super::kernel::Kernels;
use super::operands::{LeftOperand, ROW};

/// An operand as a source of panels: its strides along columns and depth.
#[derive(Clone, Copy)]
pub(in super::super) struct Source {
    pub from: *const f32,
    pub column_stride: usize,
    pub depth_stride: usize,
}

impl Source {
    /// The left operand of `columns` columns that [`gather`] has written to `at`.
    pub fn gathered(&self, kernels: &Kernels, columns: usize, at: *const f32) -> LeftOperand {
        if self.column_stride == 1 && self.depth_stride != 1 {
            LeftOperand::Across { from: at, step: columns.next_multiple_of(kernels.lanes) }
        } else {
            LeftOperand::Along { from: at }
        }
    }
}

/// Gathers some columns of an operand as the left operand of tiles. `to` has space for this many
/// columns, rounded up to the lanes, of [`ROW`] floats.
///
/// An operand that is contiguous along the depth is copied too: at a stride of a power of two its
/// columns would map to the same cache sets.
///
/// # Safety
/// `source` has these elements, and `to` has space for them.
pub(super) unsafe fn gather(
    kernels: &Kernels,
    source: Source,
    columns: usize,
    depth: usize,
    to: *mut f32,
) {
    let Source { from, column_stride, depth_stride } = source;
    // SAFETY: the caller's promise; each branch reads `columns` × `depth` elements.
    unsafe {
        if let LeftOperand::Across { step, .. } = source.gathered(kernels, columns, to) {
            return pack(kernels, source, columns, depth, to, step);
        }
        for j in 0..columns {
            let (from, to) = (from.add(j * column_stride), to.add(j * ROW));
            if depth_stride == 1 {
                to.copy_from_nonoverlapping(from, depth);
            } else {
                (0..depth).for_each(|p| *to.add(p) = *from.add(p * depth_stride));
            }
        }
    }
}

/// Writes the panel `to`, (depth, width), from `columns <= width` columns of `source`.
///
/// # Safety
/// `source` has these elements, and `to` has space for the panel.
pub(in super::super) unsafe fn pack(
    kernels: &Kernels,
    source: Source,
    columns: usize,
    depth: usize,
    to: *mut f32,
    width: usize,
) {
    let Source { from, column_stride, depth_stride } = source;
    // SAFETY: the caller's promise; each branch reads `columns` × `depth` elements.
    unsafe {
        if column_stride == 1 && columns == width {
            return (kernels.copy)(from, depth_stride, to, depth, width);
        }
        for p in 0..depth {
            to.add(p * width + columns).write_bytes(0, width - columns);
        }
        if column_stride == 1 {
            for p in 0..depth {
                to.add(p * width).copy_from_nonoverlapping(from.add(p * depth_stride), columns);
            }
        } else if depth_stride == 1 {
            transpose(kernels, from, column_stride, [columns, depth], to, width);
        } else {
            for p in 0..depth {
                for j in 0..columns {
                    *to.add(p * width + j) = *from.add(j * column_stride + p * depth_stride);
                }
            }
        }
    }
}

/// `to` = transpose of `from`, which has `[rows, columns]`.
///
/// # Safety
/// Both are valid for these extents at their strides, and do not overlap.
pub(in super::super) unsafe fn transpose(
    kernels: &Kernels,
    from: *const f32,
    from_stride: usize,
    [rows, columns]: [usize; 2],
    to: *mut f32,
    to_stride: usize,
) {
    let side = kernels.lanes;
    if rows < side || columns < side {
        for i in 0..rows {
            for j in 0..columns {
                // SAFETY: the caller's promise.
                unsafe { *to.add(j * to_stride + i) = *from.add(i * from_stride + j) };
            }
        }
        return;
    }
    for i in (0..rows).step_by(side) {
        for j in (0..columns).step_by(side) {
            // The last square ends at the edge: it overlaps its neighbour.
            let (i, j) = (i.min(rows - side), j.min(columns - side));
            // SAFETY: the caller's promise; the square lies inside.
            unsafe {
                let (from, to) = (from.add(i * from_stride + j), to.add(j * to_stride + i));
                (kernels.transpose)(from, from_stride, to, to_stride);
            }
        }
    }
}

/// `to` = transpose of `from`, which has `[rows, columns]`.
pub(in super::super) fn transpose_matrix(
    to: &mut [f32],
    from: &[f32],
    [rows, columns]: [usize; 2],
) {
    assert_eq!([to.len(), from.len()], [rows * columns; 2]);
    let (kernels, from, to) = (Kernels::get(), from.as_ptr(), to.as_mut_ptr());
    // SAFETY: both have these extents.
    unsafe { transpose(kernels, from, columns, [rows, columns], to, rows) };
}

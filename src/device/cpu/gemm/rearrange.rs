//! Transposing and copying by vectors, written once for all instruction sets.
#![allow(unsafe_code)]
// Loops over constant indices unroll into registers; iterator chains did not always.
#![allow(clippy::needless_range_loop)]
use super::vector::Vector;

/// Transposes one square of LANES rows and columns.
///
/// # Safety
/// The pointers are valid for it.
#[inline(always)]
pub(super) unsafe fn transpose<V: Vector>(
    from: *const f32,
    from_stride: usize,
    to: *mut f32,
    to_stride: usize,
) {
    for quad in 0..V::LANES / 4 {
        // SAFETY: the caller's promise: squares of LANES rows and columns.
        unsafe {
            let mut rows = [V::splat(0.0); 4];
            for i in 0..4 {
                rows[i] = V::load_quads(from.add(i * from_stride + 4 * quad), 4 * from_stride);
            }
            let columns = V::transpose_quads(rows);
            for j in 0..4 {
                columns[j].store(to.add((4 * quad + j) * to_stride));
            }
        }
    }
}

/// Copies rows of whole vectors.
///
/// # Safety
/// The pointers are valid for them.
#[inline(always)]
pub(super) unsafe fn copy<V: Vector>(
    from: *const f32,
    stride: usize,
    to: *mut f32,
    rows: usize,
    width: usize,
) {
    for i in 0..rows {
        for j in (0..width).step_by(V::LANES) {
            // SAFETY: the caller's promise.
            unsafe { V::load(from.add(i * stride + j)).store(to.add(i * width + j)) }
        }
    }
}

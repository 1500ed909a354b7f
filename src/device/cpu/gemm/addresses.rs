//! Arrays of pointers to elements of a left operand, one for each row of a tile.

use std::ptr;

/// Pointers to R consecutive floats.
#[inline(always)]
pub fn neighbours<const R: usize>(from: *const f32) -> [*const f32; R] {
    pointers(|i| from.wrapping_add(i))
}

/// Pointers to rows 0, 3, 6 and 9: every row is then at most two strides away, which an addressing
/// mode can express.
#[inline(always)]
pub fn every_third_row(a: *const f32, a_row: usize) -> [*const f32; 4] {
    pointers(|i| a.wrapping_add(3 * i * a_row))
}

/// The same pointers, `by` floats further on.
#[inline(always)]
pub fn advanced<const R: usize>(a: [*const f32; R], by: usize) -> [*const f32; R] {
    pointers(|i| a[i].wrapping_add(by))
}

/// Like `std::array::from_fn`, which is not always inlined: a call in the inner loop takes longer
/// than the arithmetic.
#[inline(always)]
pub fn pointers<const R: usize>(pointer: impl Fn(usize) -> *const f32) -> [*const f32; R] {
    let mut pointers = [ptr::null(); R];
    for (i, slot) in pointers.iter_mut().enumerate() {
        *slot = pointer(i);
    }
    pointers
}

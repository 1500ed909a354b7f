//! The register tile, written once for all instruction sets.
//!
//! A tile keeps R rows × N vectors of the result in registers while it runs down the depth: it
//! broadcasts elements of `a`, read through two strides, and multiplies them with rows of a packed
//! panel of `b`. The code becomes that of one instruction set where it is inlined.
#![allow(unsafe_code)]
// Loops over constant indices unroll into registers; iterator chains did not always.
#![allow(clippy::needless_range_loop)]
use super::vector::Vector;

/// Depth steps between two rounds of prefetching: one cache line of floats.
const ROUND: usize = 16;

/// Steps of the depth that the packing tile fetches ahead: some 130 ns of work, about the latency
/// of a far cache.
const STEPS_AHEAD: usize = 32;

/// What a tile works on: `c[i][j] (+)= Σₚ a[i·a_row + p·a_step] · b[p·width + j]`.
#[derive(Clone, Copy)]
pub(super) struct Tile {
    pub depth: usize,
    pub a: *const f32,
    pub a_row: usize,
    pub a_step: usize,
    /// A panel, (depth, N · lanes).
    pub b: *mut f32,
    pub c: *mut f32,
    pub c_row: usize,
    /// Continue the sums that stand in `c`; otherwise overwrite it.
    pub resume: bool,
    pub ahead: Ahead,
}

/// Memory that will be needed soon. Each round fetches `lines` cache lines `line_step` apart, and
/// the next round begins `round_step` further on (all in floats).
#[derive(Clone, Copy)]
pub(super) struct Ahead {
    pub from: *const f32,
    pub lines: usize,
    pub line_step: usize,
    pub round_step: usize,
}

/// A tile of R rows × N vectors, its panel packed.
///
/// # Safety
/// What `tile` says is true.
#[inline(always)]
pub(super) unsafe fn plain<V: Vector, const R: usize, const N: usize>(tile: &Tile) {
    // SAFETY: the caller's promise about `tile`.
    unsafe {
        let mut sums = first_sums::<V, R, N>(tile);
        let (mut b, mut ahead) = (tile.b.cast_const(), tile.ahead.from);
        let mut a = [0, 3, 6, 9].map(|row| tile.a.wrapping_add(row * tile.a_row));
        for _ in 0..tile.depth / ROUND {
            for line in 0..tile.ahead.lines {
                prefetch(ahead.wrapping_add(line * tile.ahead.line_step));
            }
            ahead = ahead.wrapping_add(tile.ahead.round_step);
            for _ in 0..ROUND {
                add_products(&mut sums, &mut a, tile, load::<V, N>(b));
                b = b.wrapping_add(N * V::LANES);
            }
        }
        for _ in 0..tile.depth % ROUND {
            add_products(&mut sums, &mut a, tile, load::<V, N>(b));
            b = b.wrapping_add(N * V::LANES);
        }
        for i in 0..R {
            store(sums[i], tile.c.add(i * tile.c_row));
        }
    }
}

/// As [`plain`], but reads `b` as it is stored, and packs it in passing.
///
/// # Safety
/// What `tile` says is true; `b` has N vectors in each of `depth` rows.
#[inline(always)]
pub(super) unsafe fn packing<V: Vector, const R: usize, const N: usize>(
    tile: &Tile,
    mut b: *const f32,
    b_row: usize,
) {
    // SAFETY: the caller's promise about `tile` and `b`.
    unsafe {
        let mut sums = first_sums::<V, R, N>(tile);
        let mut a = [0, 3, 6, 9].map(|row| tile.a.wrapping_add(row * tile.a_row));
        let mut panel = tile.b;
        for _ in 0..tile.depth {
            for v in 0..N {
                prefetch(b.wrapping_add(STEPS_AHEAD * b_row + v * V::LANES));
            }
            let row = load::<V, N>(b);
            store(row, panel);
            add_products(&mut sums, &mut a, tile, row);
            (b, panel) = (b.wrapping_add(b_row), panel.wrapping_add(N * V::LANES));
        }
        for i in 0..R {
            store(sums[i], tile.c.add(i * tile.c_row));
        }
    }
}

/// The sums that stand in `c`, or zeros; then `c` is fetched, as it will be written.
#[inline(always)]
unsafe fn first_sums<V: Vector, const R: usize, const N: usize>(tile: &Tile) -> [[V; N]; R] {
    // SAFETY: the caller's promise about `tile`.
    unsafe {
        let mut sums = [[V::splat(0.0); N]; R];
        for i in 0..R {
            let c = tile.c.add(i * tile.c_row);
            if tile.resume {
                sums[i] = load(c);
            } else {
                for v in 0..N {
                    prefetch_for_writing(c.add(v * V::LANES));
                }
            }
        }
        sums
    }
}

#[inline(always)]
unsafe fn load<V: Vector, const N: usize>(from: *const f32) -> [V; N] {
    // SAFETY: the caller's promise.
    unsafe {
        let mut row = [V::splat(0.0); N];
        for v in 0..N {
            row[v] = V::load(from.add(v * V::LANES));
        }
        row
    }
}

#[inline(always)]
unsafe fn store<V: Vector, const N: usize>(row: [V; N], to: *mut f32) {
    for v in 0..N {
        // SAFETY: the caller's promise.
        unsafe { row[v].store(to.add(v * V::LANES)) }
    }
}

/// One step of the depth: `sums[i][v] += a[i · a_row] · row[v]`.
#[inline(always)]
unsafe fn add_products<V: Vector, const R: usize, const N: usize>(
    sums: &mut [[V; N]; R],
    a: &mut [*const f32; 4],
    tile: &Tile,
    row: [V; N],
) {
    // SAFETY: the caller's promise about the tile.
    unsafe {
        for i in 0..R {
            let x = V::splat(*a[i / 3].add(i % 3 * tile.a_row));
            for v in 0..N {
                sums[i][v] = sums[i][v].add_product(x, row[v]);
            }
        }
        for a in a {
            *a = a.wrapping_add(tile.a_step);
        }
    }
}

/// One square of LANES rows and columns.
///
/// # Safety
/// The pointers are good for it.
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

/// Rows of whole vectors.
///
/// # Safety
/// The pointers are good for them.
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

/// A hint; harmless for any address.
#[inline(always)]
fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// As [`prefetch`], for memory that will be overwritten.
#[inline(always)]
fn prefetch_for_writing(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

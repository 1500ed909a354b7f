//! The micro-kernel, written once for all instruction sets.
//!
//! It keeps a tile of R rows × N vectors of the result in registers while it loops over the depth: it
//! broadcasts elements of `a` and multiplies them with rows of a packed panel of `b`. The code is
//! compiled for an instruction set where it is inlined.
#![allow(unsafe_code)]
// Loops over constant indices unroll into registers; iterator chains did not always.
#![allow(clippy::needless_range_loop)]

use super::addresses::{advanced, every_third_row, neighbours, pointers};
use super::operands::{LeftOperand, Offsets, ROW, RowOffsets, STEPS_AHEAD};
use super::vector::Vector;

/// Depth steps of a round, after each of which memory is prefetched: one cache line of floats.
pub(super) const ROUND: usize = LINE;

/// Floats in a cache line.
pub(in super::super) const LINE: usize = 16;

/// Unrolled depth steps, to amortize the pointer increments: where two hardware threads share a core,
/// every instruction counts.
const UNROLLED: usize = 4;

/// The arguments of a micro-kernel: `c(i)[j] (+)= Σₚ a(i, p) · b[p·width + j]`.
#[derive(Clone, Copy)]
pub(in super::super) struct Tile {
    pub depth: usize,
    pub a: LeftOperand,
    /// A panel, (depth, N · lanes).
    pub b: *mut f32,
    pub c: *mut f32,
    pub c_rows: RowOffsets,
    /// Whether to add to `c` instead of overwriting it.
    pub accumulate: bool,
    pub ahead: Prefetch,
}

/// Memory that will be needed soon, prefetched bit by bit in every round.
#[derive(Clone, Copy)]
pub(in super::super) enum Prefetch {
    Nothing,
    /// As many rows as the tile has, `row` floats apart: a cache line of each row per round.
    Rows {
        from: *const f32,
        row: usize,
    },
    /// Rows of the next panel, `row` floats apart: [`PANEL_ROWS`] rows per round.
    Panel {
        from: *const f32,
        row: usize,
    },
}

/// Rows of the next panel that are prefetched per round: enough to prefetch all of them even if the
/// result has few rows.
pub(super) const PANEL_ROWS: usize = 2;

/// Computes a tile of R rows × N vectors from a packed panel.
///
/// # Safety
/// The pointers of `tile` are valid for its extents.
#[inline(always)]
pub(super) unsafe fn plain<V: Vector, const R: usize, const N: usize>(tile: &Tile) {
    // SAFETY: the caller's promise about `tile`.
    unsafe {
        prefetch_result::<V, R, N>(tile);
        let sums = match (tile.a, tile.ahead) {
            (LeftOperand::Along { from }, Prefetch::Nothing) => {
                run::<V, R, N>(tile, from, ROW, 1, |_| {})
            }
            (LeftOperand::Along { from }, Prefetch::Rows { from: ahead, row }) => {
                let first = every_third_row(ahead, row);
                run::<V, R, N>(tile, from, ROW, 1, |round| {
                    let line = |i: usize| first[i / 3].wrapping_add(i % 3 * row + round * ROUND);
                    (0..R).for_each(|i| prefetch(line(i)));
                })
            }
            (LeftOperand::Along { from }, Prefetch::Panel { from: ahead, row }) => {
                run::<V, R, N>(tile, from, ROW, 1, |round| {
                    for i in 0..PANEL_ROWS {
                        let start = ahead.wrapping_add((round * PANEL_ROWS + i) * row);
                        let lines = (0..N * V::LANES).step_by(LINE);
                        lines.for_each(|at| prefetch(start.wrapping_add(at)));
                    }
                })
            }
            (LeftOperand::Across { from, step }, _) => run::<V, R, N>(tile, from, 1, step, |_| {}),
            (LeftOperand::Scattered { from, starts }, _) => {
                run_packed(tile, |p| neighbours(from.wrapping_add(*starts.add(p))))
            }
            (LeftOperand::Rows { from, starts }, _) => {
                let rows: [*const f32; R] = pointers(|i| from.add(*starts.add(i)));
                run_packed(tile, |p| pointers(|i| rows[i].wrapping_add(p)))
            }
        };
        finish(sums, tile);
    }
}

/// The sums of a tile from a packed panel; calls `round` with the index of each round.
#[inline(always)]
unsafe fn run<V: Vector, const R: usize, const N: usize>(
    tile: &Tile,
    a: *const f32,
    a_row: usize,
    a_step: usize,
    round: impl Fn(usize),
) -> [[V; N]; R] {
    let mut sums = zeros::<V, R, N>();
    let mut b = tile.b.cast_const();
    let mut a = every_third_row(a, a_row);
    // SAFETY: the caller's promise about `tile`.
    unsafe {
        for number in 0..tile.depth / ROUND {
            round(number);
            for _ in 0..ROUND / UNROLLED {
                for s in 0..UNROLLED {
                    let row = load::<V, N>(b.add(s * N * V::LANES));
                    add_products(&mut sums, advanced(a, s * a_step), a_row, row);
                }
                a = advanced(a, UNROLLED * a_step);
                b = b.add(UNROLLED * N * V::LANES);
            }
        }
        for _ in 0..tile.depth % ROUND {
            add_products(&mut sums, a, a_row, load::<V, N>(b));
            a = advanced(a, a_step);
            b = b.add(N * V::LANES);
        }
    }
    sums
}

/// The sums of a tile, where `b(p)` loads a row of `b`, and `a(p)` gives pointers to a column of `a`.
#[inline(always)]
unsafe fn run_strided<V: Vector, const R: usize, const N: usize>(
    tile: &Tile,
    b: impl Fn(usize) -> [V; N],
    a: impl Fn(usize) -> [*const f32; R],
) -> [[V; N]; R] {
    let mut sums = zeros::<V, R, N>();
    for p in 0..tile.depth {
        let (row, a) = (b(p), a(p));
        // SAFETY: the caller's promise about `tile`.
        unsafe {
            for i in 0..R {
                let x = V::splat(*a[i]);
                for v in 0..N {
                    sums[i][v] = sums[i][v].add_product(x, row[v]);
                }
            }
        }
    }
    sums
}

/// The same for a packed panel.
#[inline(always)]
unsafe fn run_packed<V: Vector, const R: usize, const N: usize>(
    tile: &Tile,
    a: impl Fn(usize) -> [*const f32; R],
) -> [[V; N]; R] {
    // SAFETY: the caller's promise about `tile`.
    unsafe {
        run_strided(
            tile,
            #[inline(always)]
            |p| load::<V, N>(tile.b.add(p * N * V::LANES)),
            a,
        )
    }
}

/// The same for rows of `b` as they are stored; also packs them.
#[inline(always)]
unsafe fn run_packing<V: Vector, const R: usize, const N: usize>(
    tile: &Tile,
    b: *const f32,
    Offsets(starts): &Offsets,
    a: impl Fn(usize) -> [*const f32; R],
) -> [[V; N]; R] {
    // SAFETY: the caller's promise about `tile` and `b`.
    unsafe {
        run_strided(
            tile,
            #[inline(always)]
            |p| {
                for v in 0..N {
                    prefetch(b.wrapping_add(starts[p + STEPS_AHEAD] + v * V::LANES));
                }
                let row = load::<V, N>(b.add(starts[p]));
                store(row, tile.b.add(p * N * V::LANES));
                row
            },
            a,
        )
    }
}

/// Like [`plain`], but reads rows of `b` as they are stored, and packs them along the way.
///
/// # Safety
/// As [`plain`]; `b` has N vectors at each of the offsets.
#[inline(always)]
pub(super) unsafe fn packing<V: Vector, const R: usize, const N: usize>(
    tile: &Tile,
    b: *const f32,
    starts: &Offsets,
) {
    // SAFETY: the caller's promise about `tile` and `b`.
    unsafe {
        prefetch_result::<V, R, N>(tile);
        let sums: [[V; N]; R] = match tile.a {
            LeftOperand::Along { from } => {
                run_packing(tile, b, starts, |p| pointers(|i| from.wrapping_add(i * ROW + p)))
            }
            LeftOperand::Across { from, step } => {
                run_packing(tile, b, starts, |p| neighbours(from.wrapping_add(p * step)))
            }
            LeftOperand::Scattered { from, starts: at } => {
                run_packing(tile, b, starts, |p| neighbours(from.wrapping_add(*at.add(p))))
            }
            LeftOperand::Rows { from, starts: at } => {
                run_packing(tile, b, starts, |p| pointers(|i| from.wrapping_add(*at.add(i) + p)))
            }
        };
        finish(sums, tile);
    }
}

#[inline(always)]
fn zeros<V: Vector, const R: usize, const N: usize>() -> [[V; N]; R] {
    // SAFETY: only called by the micro-kernels, whose callers know that the processor has the vectors.
    [[unsafe { V::splat(0.0) }; N]; R]
}

/// Prefetches the tile's part of `c`, which will be written when its sums are complete.
#[inline(always)]
unsafe fn prefetch_result<V: Vector, const R: usize, const N: usize>(tile: &Tile) {
    for i in 0..R {
        // SAFETY: the caller's promise about `tile`.
        let c = tile.c.wrapping_add(unsafe { tile.c_rows.start(i) });
        for v in 0..N {
            prefetch_for_writing(c.wrapping_add(v * V::LANES));
        }
    }
}

/// Writes the sums to `c`, or adds them.
#[inline(always)]
unsafe fn finish<V: Vector, const R: usize, const N: usize>(sums: [[V; N]; R], tile: &Tile) {
    // SAFETY: the caller's promise about `tile`.
    unsafe {
        for i in 0..R {
            let c = tile.c.add(tile.c_rows.start(i));
            let mut row = sums[i];
            if tile.accumulate {
                let before = load::<V, N>(c);
                for v in 0..N {
                    row[v] = before[v].add(row[v]);
                }
            }
            store(row, c);
        }
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

/// One step of the depth: `sums[i][v] += a(i) · row[v]`.
#[inline(always)]
unsafe fn add_products<V: Vector, const R: usize, const N: usize>(
    sums: &mut [[V; N]; R],
    a: [*const f32; 4],
    a_row: usize,
    row: [V; N],
) {
    // SAFETY: the caller's promise about the tile.
    unsafe {
        for i in 0..R {
            let x = V::splat(*a[i / 3].add(i % 3 * a_row));
            for v in 0..N {
                sums[i][v] = sums[i][v].add_product(x, row[v]);
            }
        }
    }
}

/// Prefetches a cache line: a hint, harmless for any address.
#[inline(always)]
pub(in super::super) fn prefetch(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_T0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

/// Like [`prefetch`], for memory that will be written.
#[inline(always)]
pub(in super::super) fn prefetch_for_writing(address: *const f32) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch never faults.
    unsafe {
        use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
        _mm_prefetch::<_MM_HINT_ET0>(address.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = address;
}

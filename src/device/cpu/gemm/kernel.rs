//! The register tile, and its choice for the running processor.
//!
//! A tile keeps R rows × N vectors of the result in registers while it runs down the depth: it
//! broadcasts elements of `a`, read through two strides, and multiplies them with rows of a packed
//! panel of `b`. R and N are such that accumulators, one panel row and one broadcast fill the
//! registers without spilling.
#![allow(unsafe_code)]
use super::vector::Vector;
use std::sync::OnceLock;

/// Depth steps between two rounds of prefetching: one cache line of floats.
const ROUND: usize = 16;

/// Most vectors in a panel's row.
pub(super) const MOST_VECTORS: usize = 3;

/// Most rows of a tile.
pub(super) const MOST_ROWS: usize = 12;

/// Steps of the depth that the packing tile fetches ahead: some 130 ns of work, about the latency
/// of a far cache.
const STEPS_AHEAD: usize = 32;

/// Most lanes that a vector has on any instruction set.
pub(super) const MOST_LANES: usize = 16;

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

impl Ahead {
    /// Fetches nothing.
    pub const NOTHING: Self =
        Self { from: std::ptr::null(), lines: 0, line_step: 0, round_step: 0 };
}

/// The code for tiles of so many rows. The pointers must be good for what [`Tile`] says.
pub(super) struct TileCode {
    pub rows: usize,
    pub plain: unsafe fn(&Tile),
    /// Reads `b` as it is stored, `(tile, b, b_row)`, and packs it into the tile's panel besides.
    pub packing: unsafe fn(&Tile, *const f32, usize),
}

/// `to` (columns, rows; rows `to_stride` apart) = transpose of `from`, for one square of
/// [`Kernels::lanes`] rows and columns: `(from, from_stride, to, to_stride)`.
pub(super) type TransposeCode = unsafe fn(*const f32, usize, *mut f32, usize);

/// `to` (rows, width; contiguous) = rows of `from`, `stride` apart; the width is a multiple of
/// the lanes: `(from, stride, to, rows, width)`.
pub(super) type CopyCode = unsafe fn(*const f32, usize, *mut f32, usize, usize);

/// One instruction set's code.
pub(super) struct Kernels {
    /// Floats in a vector.
    pub lanes: usize,
    pub transpose: TransposeCode,
    pub copy: CopyCode,
    /// For panels of 1, 2 and 3 vectors: code, most rows first, down to 1.
    tiles: [&'static [TileCode]; MOST_VECTORS],
}

impl Kernels {
    /// The best that the running processor has.
    pub fn get() -> &'static Self {
        static KERNELS: OnceLock<&'static Kernels> = OnceLock::new();
        KERNELS.get_or_init(|| Self::available()[0])
    }

    /// All that the running processor has, best first.
    pub fn available() -> Vec<&'static Self> {
        let mut all: Vec<&'static Self> = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("avx512f") {
                all.push(&avx512::KERNELS);
            }
            if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
                all.push(&avx2::KERNELS);
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            all.push(&neon::KERNELS);
        }
        all.push(&portable::KERNELS);
        all
    }

    /// The tallest tile of at most `rows` rows for panels of `vectors` vectors.
    pub fn tile(&self, vectors: usize, rows: usize) -> &'static TileCode {
        let tiles = self.tiles[vectors - 1];
        tiles.iter().find(|code| code.rows <= rows).unwrap_or(&tiles[tiles.len() - 1])
    }

    /// How many vectors wide the next panel should be when `lanes` more columns are to come.
    pub fn panel_vectors(&self, columns: usize, most: usize) -> usize {
        match columns.div_ceil(self.lanes) {
            // Two tiles of two run better than one of three and one of one.
            4 => 2,
            vectors => vectors.min(most),
        }
    }
}

#[inline(always)]
unsafe fn plain<V: Vector, const R: usize, const N: usize>(tile: &Tile) {
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

#[inline(always)]
unsafe fn packing<V: Vector, const R: usize, const N: usize>(
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

#[inline(always)]
unsafe fn transpose<V: Vector>(
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

#[inline(always)]
unsafe fn copy<V: Vector>(
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

/// The kernels of one instruction set: module, vector, the features to compile with, and the rows
/// of the tiles for panels of 1, 2 and 3 vectors.
macro_rules! kernels {
    ($(#[$feature:meta])? $name:ident $vector:ident $one:tt $two:tt $three:tt) => {
        mod $name {
            use super::super::vector::{$vector, Vector};
            use super::{Kernels, Tile, TileCode};

            $(#[$feature])?
            unsafe fn plain<const R: usize, const N: usize>(tile: &Tile) {
                // SAFETY: the caller's promise.
                unsafe { super::plain::<$vector, R, N>(tile) }
            }

            $(#[$feature])?
            unsafe fn packing<const R: usize, const N: usize>(
                tile: &Tile,
                b: *const f32,
                b_row: usize,
            ) {
                // SAFETY: the caller's promise.
                unsafe { super::packing::<$vector, R, N>(tile, b, b_row) }
            }

            $(#[$feature])?
            unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
                // SAFETY: the caller's promise.
                unsafe { super::transpose::<$vector>(from, stride, to, to_stride) }
            }

            $(#[$feature])?
            unsafe fn copy(from: *const f32, stride: usize, to: *mut f32, rows: usize, width: usize) {
                // SAFETY: the caller's promise.
                unsafe { super::copy::<$vector>(from, stride, to, rows, width) }
            }

            pub static KERNELS: Kernels = Kernels {
                lanes: $vector::LANES,
                transpose,
                copy,
                tiles: [kernels!(@ 1 $one), kernels!(@ 2 $two), kernels!(@ 3 $three)],
            };
        }
    };
    (@ $n:literal [$($r:literal)+]) => {
        &[$(TileCode { rows: $r, plain: plain::<$r, $n>, packing: packing::<$r, $n> }),+]
    };
}

// 32 registers of 16 floats.
#[cfg(target_arch = "x86_64")]
kernels!(#[target_feature(enable = "avx512f")] avx512 Avx512 [12 8 4 2 1] [12 8 4 2 1] [8 4 2 1]);
// 16 registers of 8 floats.
#[cfg(target_arch = "x86_64")]
kernels!(#[target_feature(enable = "avx2,fma")] avx2 Avx2 [6 4 2 1] [6 4 2 1] [4 2 1]);
// 32 registers of 4 floats.
#[cfg(target_arch = "aarch64")]
kernels!(#[target_feature(enable = "neon")] neon Neon [12 8 4 2 1] [12 8 4 2 1] [8 4 2 1]);
// As if 16 registers of 4 floats.
kernels!(portable Portable [6 4 2 1] [6 4 2 1] [4 2 1]);

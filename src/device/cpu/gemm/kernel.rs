//! The micro-kernels of each instruction set, and the choice for the running processor.
//!
//! The sizes of the tiles are chosen so that the accumulators, one panel row and one broadcast fill
//! the registers without spilling.
#![allow(unsafe_code)]
use super::operands::{Offsets, RowOffsets};
use super::tile::Tile;
use std::sync::OnceLock;

/// Most vectors in a panel's row.
const MAX_VECTORS: usize = 3;

/// Most rows of a tile.
pub(in super::super) const MAX_ROWS: usize = 12;

/// Most lanes of a vector on any instruction set.
const MAX_LANES: usize = 16;

/// The micro-kernels for tiles of `rows` rows. The pointers must be valid for what [`Tile`] says.
pub(in super::super) struct MicroKernel {
    pub rows: usize,
    pub plain: unsafe fn(&Tile),
    /// Reads `b` as it is stored, and also packs it into the tile's panel.
    pub packing: unsafe fn(&Tile, *const f32, &Offsets),
}

impl MicroKernel {
    /// Runs a tile that extends beyond the last column of `c`: only its `valid` columns are written.
    ///
    /// # Safety
    /// As for the micro-kernel, with only the valid columns of `c`.
    pub unsafe fn partial(&self, tile: &Tile, width: usize, valid: usize) {
        let mut whole = [0.0f32; MAX_ROWS * MAX_VECTORS * MAX_LANES];
        let inside = Tile { c: whole.as_mut_ptr(), c_rows: RowOffsets::Stride(width), ..*tile };
        // SAFETY: the caller's promise; `whole` holds the largest tile.
        unsafe {
            if tile.accumulate {
                for i in 0..self.rows {
                    let (row, c) = (inside.c.add(i * width), tile.c.add(tile.c_rows.start(i)));
                    row.copy_from_nonoverlapping(c, valid);
                }
            }
            (self.plain)(&inside);
            for i in 0..self.rows {
                let (row, c) = (inside.c.add(i * width), tile.c.add(tile.c_rows.start(i)));
                c.copy_from_nonoverlapping(row, valid);
            }
        }
    }
}

/// `to` (columns, rows; rows `to_stride` apart) = transpose of `from`, for one square of
/// [`Kernels::lanes`] rows and columns: `(from, from_stride, to, to_stride)`.
pub(in super::super) type TransposeKernel = unsafe fn(*const f32, usize, *mut f32, usize);

/// `to` (rows, width; contiguous) = rows of `from`, `stride` apart; the width is a multiple of
/// the lanes: `(from, stride, to, rows, width)`.
pub(in super::super) type CopyKernel = unsafe fn(*const f32, usize, *mut f32, usize, usize);

/// The kernels of one instruction set.
pub(in super::super) struct Kernels {
    /// Floats in a vector.
    pub lanes: usize,
    pub transpose: TransposeKernel,
    pub copy: CopyKernel,
    /// For panels of 1, 2, … vectors: the micro-kernels, most rows first, down to 1.
    tiles: &'static [&'static [MicroKernel]],
}

#[cfg(test)]
thread_local! {
    static CHOSEN: std::cell::Cell<Option<&'static Kernels>> = const { std::cell::Cell::new(None) };
}

impl Kernels {
    /// The fastest kernels that the running processor supports.
    pub fn get() -> &'static Self {
        #[cfg(test)]
        if let Some(chosen) = CHOSEN.get() {
            return chosen;
        }
        static KERNELS: OnceLock<&'static Kernels> = OnceLock::new();
        KERNELS.get_or_init(|| Self::available()[0])
    }

    /// Runs a test with these kernels, on the calling thread and the threads of its pools.
    #[cfg(test)]
    pub fn using<R>(&'static self, test: impl FnOnce() -> R) -> R {
        CHOSEN.set(Some(self));
        let result = test();
        CHOSEN.set(None);
        result
    }

    /// All kernels that the running processor supports, fastest first.
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
    #[inline]
    pub fn tile(&self, vectors: usize, rows: usize) -> &'static MicroKernel {
        let tiles = self.tiles[vectors - 1];
        tiles.iter().find(|code| code.rows <= rows).unwrap_or(&tiles[tiles.len() - 1])
    }

    /// The width in vectors of the next panel, if this many columns remain.
    pub fn panel_vectors(&self, columns: usize) -> usize {
        match columns.div_ceil(self.lanes) {
            // Two panels of two vectors are faster than one of three and one of one.
            4 => 2,
            vectors => vectors.min(self.tiles.len()),
        }
    }
}

/// Defines the kernels of one instruction set: the features to compile with, module, vector type, and
/// the rows of the tiles for panels of 1, 2 and, optionally, 3 vectors.
macro_rules! kernels {
    ($(#[$feature:meta])? $name:ident $vector:ident $one:tt $two:tt $($three:tt)?) => {
        mod $name {
            use super::super::vector::{$vector, Vector};
            use super::super::operands::Offsets;
            use super::super::tile::Tile;
            use super::{Kernels, MicroKernel};

            $(#[$feature])?
            unsafe fn plain<const R: usize, const N: usize>(tile: &Tile) {
                // SAFETY: the caller's promise.
                unsafe { super::super::tile::plain::<$vector, R, N>(tile) }
            }

            $(#[$feature])?
            unsafe fn packing<const R: usize, const N: usize>(
                tile: &Tile,
                b: *const f32,
                starts: &Offsets,
            ) {
                // SAFETY: the caller's promise.
                unsafe { super::super::tile::packing::<$vector, R, N>(tile, b, starts) }
            }

            $(#[$feature])?
            unsafe fn transpose(from: *const f32, stride: usize, to: *mut f32, to_stride: usize) {
                // SAFETY: the caller's promise.
                unsafe { super::super::rearrange::transpose::<$vector>(from, stride, to, to_stride) }
            }

            $(#[$feature])?
            unsafe fn copy(from: *const f32, stride: usize, to: *mut f32, rows: usize, width: usize) {
                // SAFETY: the caller's promise.
                unsafe { super::super::rearrange::copy::<$vector>(from, stride, to, rows, width) }
            }

            pub static KERNELS: Kernels = Kernels {
                lanes: $vector::LANES,
                transpose,
                copy,
                tiles: &[kernels!(@ 1 $one), kernels!(@ 2 $two) $(, kernels!(@ 3 $three))?],
            };
        }
    };
    (@ $n:literal [$($r:literal)+]) => {
        &[$(MicroKernel { rows: $r, plain: plain::<$r, $n>, packing: packing::<$r, $n> }),+]
    };
}

// 32 registers of 16 floats.
#[cfg(target_arch = "x86_64")]
kernels!(#[target_feature(enable = "avx512f")] avx512 Avx512 [12 8 4 2 1] [12 8 4 2 1] [8 4 2 1]);
// 16 registers of 8 floats; tiles of 4 rows and 3 vectors would spill one of them.
#[cfg(target_arch = "x86_64")]
kernels!(#[target_feature(enable = "avx2,fma")] avx2 Avx2 [8 4 2 1] [6 4 2 1]);
// 32 registers of 4 floats.
#[cfg(target_arch = "aarch64")]
kernels!(#[target_feature(enable = "neon")] neon Neon [12 8 4 2 1] [12 8 4 2 1] [8 4 2 1]);
// Assumes 16 registers of 4 floats.
kernels!(portable Portable [8 4 2 1] [6 4 2 1]);

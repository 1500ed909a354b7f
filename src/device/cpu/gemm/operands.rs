//! Where a tile reads its left operand, and where it writes its result.
#![allow(unsafe_code)]

/// Largest depth of a block: a panel of 48 columns, 36 KiB, stays in an L1 cache of 48 KiB
/// (measured: 215 GFLOP/s, and 10 % less with panels that only fit the L2 cache).
pub(in super::super) const DEPTH: usize = 192;

/// Floats from one row of a gathered left operand to the next: a block's depth plus one cache line,
/// so that rows do not all map to the same cache sets.
pub(in super::super) const ROW: usize = DEPTH + 16;

/// Prefetch distance of the packing tile in depth steps: about 130 ns of work, roughly the latency of
/// a remote cache.
pub(super) const STEPS_AHEAD: usize = 32;

/// The offsets of the rows of a tile's result from `c`.
#[derive(Clone, Copy)]
pub(in super::super) enum RowOffsets {
    /// This many floats apart.
    Stride(usize),
    /// At arbitrary offsets.
    At(*const usize),
}

impl RowOffsets {
    /// The offset of a row.
    ///
    /// # Safety
    /// The row exists.
    #[inline(always)]
    pub unsafe fn start(self, row: usize) -> usize {
        match self {
            RowOffsets::Stride(floats) => row * floats,
            // SAFETY: the caller's promise.
            RowOffsets::At(starts) => unsafe { *starts.add(row) },
        }
    }

    /// The pointer and the offsets for the rows from this one on.
    pub fn at_row(self, row: usize, c: *mut f32) -> (*mut f32, Self) {
        match self {
            RowOffsets::Stride(floats) => (c.wrapping_add(row * floats), self),
            RowOffsets::At(starts) => (c, RowOffsets::At(starts.wrapping_add(row))),
        }
    }
}

/// Where a tile reads a(i, p).
#[derive(Clone, Copy)]
pub(in super::super) enum LeftOperand {
    /// Rows contiguous along the depth, [`ROW`] floats apart: `from[i·ROW + p]`.
    Along { from: *const f32 },
    /// Columns contiguous across the rows, `step` floats apart: `from[i + p·step]`.
    Across { from: *const f32, step: usize },
    /// Columns contiguous across the rows, at arbitrary offsets: `from[i + starts[p]]`.
    Scattered { from: *const f32, starts: *const usize },
    /// Rows contiguous along the depth, at arbitrary offsets: `from[starts[i] + p]`.
    Rows { from: *const f32, starts: *const usize },
}

/// Memory offsets of the steps of a depth block, or of rows.
pub(in super::super) struct Offsets(pub(super) [usize; DEPTH + STEPS_AHEAD]);

impl Offsets {
    /// The offsets of at most [`DEPTH`] steps; further ones are prefetched.
    #[inline(always)]
    pub fn new(starts: impl Iterator<Item = usize>) -> Self {
        let mut all = [0; DEPTH + STEPS_AHEAD];
        all.iter_mut().zip(starts).for_each(|(to, start)| *to = start);
        Self(all)
    }

    pub fn as_ptr(&self) -> *const usize {
        self.0.as_ptr()
    }
}

impl LeftOperand {
    /// The operand from this row on.
    pub fn at_row(self, row: usize) -> Self {
        match self {
            LeftOperand::Along { from } => {
                LeftOperand::Along { from: from.wrapping_add(row * ROW) }
            }
            LeftOperand::Across { from, step } => {
                LeftOperand::Across { from: from.wrapping_add(row), step }
            }
            LeftOperand::Scattered { from, starts } => {
                LeftOperand::Scattered { from: from.wrapping_add(row), starts }
            }
            LeftOperand::Rows { from, starts } => {
                LeftOperand::Rows { from, starts: starts.wrapping_add(row) }
            }
        }
    }
}

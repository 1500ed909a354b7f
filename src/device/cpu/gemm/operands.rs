//! Where the register tile finds its left factor, and where it writes.
#![allow(unsafe_code)]

/// Most depth of a block: a panel of 48 columns, 36 KiB, stays in a first-level cache of 48 KiB
/// (measured: 215 GFLOP/s, and 10 % less with panels that only fit the second level).
pub(in super::super) const DEPTH: usize = 192;

/// Floats from one row of a gathered left factor to the next: a block's depth, and a cache line
/// more, lest all rows fall into the same cache sets.
pub(in super::super) const ROW: usize = DEPTH + 16;

/// Steps of the depth that the packing tile fetches ahead: some 130 ns of work, about the latency
/// of a far cache.
pub(super) const STEPS_AHEAD: usize = 32;

/// Where the rows of a tile's result begin, counted from `c` on.
#[derive(Clone, Copy)]
pub(in super::super) enum Spacing {
    /// So many floats apart.
    Every(usize),
    /// Anywhere.
    At(*const usize),
}

impl Spacing {
    /// # Safety
    /// There is such a row.
    #[inline(always)]
    pub unsafe fn start(self, row: usize) -> usize {
        match self {
            Spacing::Every(floats) => row * floats,
            // SAFETY: the caller's promise.
            Spacing::At(starts) => unsafe { *starts.add(row) },
        }
    }

    /// The result without the rows before this one, and where those behind are.
    pub fn starting_at(self, row: usize, c: *mut f32) -> (*mut f32, Self) {
        match self {
            Spacing::Every(floats) => (c.wrapping_add(row * floats), self),
            Spacing::At(starts) => (c, Spacing::At(starts.wrapping_add(row))),
        }
    }
}

/// Where a tile finds a(i, p).
#[derive(Clone, Copy)]
pub(in super::super) enum Left {
    /// Contiguous along the depth, in rows of [`ROW`]: `from[i·ROW + p]`.
    Along { from: *const f32 },
    /// Contiguous across the rows: `from[i + p·step]`.
    Across { from: *const f32, step: usize },
    /// The same, the depth's steps anywhere: `from[i + starts[p]]`.
    Scattered { from: *const f32, starts: *const usize },
    /// Contiguous along the depth, the rows anywhere: `from[starts[i] + p]`.
    Rows { from: *const f32, starts: *const usize },
}

/// Where the steps of a block's depth begin in memory.
pub(in super::super) struct Starts(pub(super) [usize; DEPTH + STEPS_AHEAD]);

impl Starts {
    /// Of at most [`DEPTH`] steps, and perhaps of those behind them, which are fetched ahead.
    pub fn new(starts: impl Iterator<Item = usize>) -> Self {
        let mut all = [0; DEPTH + STEPS_AHEAD];
        all.iter_mut().zip(starts).for_each(|(to, start)| *to = start);
        Self(all)
    }

    pub fn as_ptr(&self) -> *const usize {
        self.0.as_ptr()
    }
}

impl Left {
    /// Without the rows before.
    pub fn starting_at(self, row: usize) -> Self {
        match self {
            Left::Along { from } => Left::Along { from: from.wrapping_add(row * ROW) },
            Left::Across { from, step } => Left::Across { from: from.wrapping_add(row), step },
            Left::Scattered { from, starts } => {
                Left::Scattered { from: from.wrapping_add(row), starts }
            }
            Left::Rows { from, starts } => Left::Rows { from, starts: starts.wrapping_add(row) },
        }
    }
}

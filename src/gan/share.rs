//! The part of a batch that a rank has.

use crate::device::Ranks;

/// The images of a batch that a rank has: whole packs, consecutive, perhaps none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share {
    /// How many there are.
    pub(super) rows: usize,
    /// The first one in the batch.
    pub(super) first: usize,
    /// Images of the batch on all ranks.
    pub(super) whole: usize,
}

impl Share {
    /// A rank's share of a batch of `whole` images in packs of `pack`.
    pub(super) fn of(whole: usize, pack: usize, ranks: Ranks) -> Self {
        let packs = ranks.share(whole / pack);
        Self { rows: packs.len() * pack, first: packs.start * pack, whole }
    }

    /// All images of a batch.
    #[cfg(test)]
    pub(super) fn whole(rows: usize) -> Self {
        Self::of(rows, 1, Ranks::ALONE)
    }
}

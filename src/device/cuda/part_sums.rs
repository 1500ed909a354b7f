//! Sums over parts of the rows of batches, of this rank and, if batches are normalized across ranks, of
//! all.

use std::cell::RefMut;

use super::launch::parts;
use super::memory::{Buffer, View, ViewMut};
use super::{Cuda, failed};
use crate::device::ops::{BatchNormShape, Collective};

/// Memory for sums over parts of the rows.
pub(super) struct PartSums<'a> {
    memory: RefMut<'a, Buffer<f32>>,
    own: usize,
    /// The ranks whose sums are added: 1 without others.
    pub ranks: usize,
}

impl PartSums<'_> {
    /// This rank's sums, and those of all ranks if there are others.
    pub fn views(&mut self) -> (ViewMut<'_, f32>, Option<ViewMut<'_, f32>>) {
        let others = if self.ranks > 1 { self.ranks } else { 0 };
        let (own, all) = self.memory.view_mut(0..(1 + others) * self.own).split(self.own);
        (own, (others > 0).then_some(all))
    }
}

impl Cuda {
    /// The number of parts into which the rows of each batch are divided, the same on every rank.
    pub(super) fn norm_parts(&self, shape: BatchNormShape) -> usize {
        let ranks = self.ranks();
        let rows = shape.across.map_or(shape.rows, |whole| ranks.largest_share(whole));
        parts(rows, shape.batches * shape.columns)
    }

    /// Memory for `own` sums of every rank; none if it cannot be allocated, which the next download
    /// reports.
    pub(super) fn part_sums(&self, own: usize, shape: BatchNormShape) -> Option<PartSums<'_>> {
        let ranks = if shape.across.is_some() { self.ranks().size } else { 1 };
        if ranks == 1 {
            return Some(PartSums { memory: self.sums.borrow_mut(), own, ranks });
        }
        let needed = (1 + ranks) * own;
        let mut buffers = self.gathered.borrow_mut();
        if buffers.last().is_none_or(|largest| largest.len() < needed) {
            // Only in a first iteration, which is not captured.
            match Buffer::uninitialized(&self.stream, needed).map_err(failed("allocating memory")) {
                Ok(buffer) => buffers.push(buffer),
                Err(error) => {
                    self.failure.borrow_mut().get_or_insert(error);
                    return None;
                }
            }
        }
        let memory = RefMut::filter_map(buffers, |buffers| buffers.last_mut()).ok()?;
        Some(PartSums { memory, own, ranks })
    }

    /// The sums of all ranks.
    pub(super) fn of_all_ranks<'a>(
        &self,
        all: Option<&'a mut ViewMut<'_, f32>>,
        own: View<'a, f32>,
    ) -> View<'a, f32> {
        match all {
            None => own,
            Some(all) => {
                self.all_gather(all.reborrow(), own);
                all.read()
            }
        }
    }
}

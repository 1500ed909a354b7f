//! The dropout masks of a pass.

use std::ops::Range;

use super::spec::NetworkSpec;
use crate::device::{Device, FloatBuffer, In};

/// The dropout masks of one pass, one after the other: a matrix with `rows` rows for each stage with
/// dropout.
pub struct Masks<'a, D: Device> {
    /// The buffer that holds them.
    pub buffer: &'a FloatBuffer<D>,
    /// The index of the first mask's first element.
    pub first: usize,
    /// The rows of each mask.
    pub rows: usize,
    /// The row of the masks that belongs to the first row of the pass.
    pub start: usize,
}

impl<D: Device> Masks<'_, D> {
    /// The mask of a network's stage for some rows of the pass, if the stage has dropout.
    pub(super) fn of(
        &self,
        spec: &NetworkSpec,
        stage: usize,
        rows: Range<usize>,
    ) -> Option<In<'_, D>> {
        let stages = spec.stages();
        let before: usize = stages[..stage].iter().map(|stage| stage.mask_len()).sum();
        let (first, len) = (self.first + self.rows * before, stages[stage].mask_len());
        let at = |row: usize| first + (self.start + row) * len;
        (len > 0).then(|| D::view(self.buffer, at(rows.start)..at(rows.end)))
    }
}

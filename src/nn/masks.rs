//! Dropout masks of a pass.

use super::spec::NetworkSpec;
use crate::device::{Device, FloatBuffer, In};

/// Dropout masks of one pass, one behind the other: a matrix of the pass's rows for each stage that
/// drops.
pub struct Masks<'a, D: Device> {
    /// What holds them.
    pub buffer: &'a FloatBuffer<D>,
    /// The place of the first mask's first number.
    pub first: usize,
}

impl<D: Device> Masks<'_, D> {
    /// The mask of a network's stage for `rows` rows, if it drops.
    pub(super) fn of(&self, spec: &NetworkSpec, stage: usize, rows: usize) -> Option<In<'_, D>> {
        let stages = spec.stages();
        let before: usize = stages[..stage].iter().map(|stage| stage.mask_len()).sum();
        let (start, len) = (self.first + rows * before, stages[stage].mask_len());
        (len > 0).then(|| D::view(self.buffer, start..start + rows * len))
    }
}

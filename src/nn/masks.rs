//! The dropout masks of a pass.

use super::spec::NetworkSpec;
use crate::device::{Device, FloatBuffer, In};

/// The dropout masks of one pass, one after the other: a matrix with the pass's rows for each stage
/// with dropout.
pub struct Masks<'a, D: Device> {
    /// The buffer that holds them.
    pub buffer: &'a FloatBuffer<D>,
    /// The index of the first mask's first element.
    pub first: usize,
}

impl<D: Device> Masks<'_, D> {
    /// The mask of a network's stage for `rows` rows, if the stage has dropout.
    pub(super) fn of(&self, spec: &NetworkSpec, stage: usize, rows: usize) -> Option<In<'_, D>> {
        let stages = spec.stages();
        let before: usize = stages[..stage].iter().map(|stage| stage.mask_len()).sum();
        let (start, len) = (self.first + rows * before, stages[stage].mask_len());
        (len > 0).then(|| D::view(self.buffer, start..start + rows * len))
    }
}

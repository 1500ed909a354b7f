//! Where the labels of an iteration's batches are.

use crate::gan::role::Role;
use crate::gan::settings::{Fakes, Settings};

/// The order of blocks of labels, each with a batch. The discriminator reads those of a pass as one
/// range, so labels of real images precede those of the fakes, and labels of the points between them
/// follow.
pub(super) struct LabelBlocks {
    /// The block of the points, which have the labels of the real images.
    interpolated: Option<usize>,
    /// The block of the real images, again, for the generator's update on other fakes.
    generators_real: Option<usize>,
    /// The block of the generator's fakes.
    generators_fakes: usize,
    pub(super) count: usize,
}

impl LabelBlocks {
    pub(super) fn of(settings: &Settings) -> Self {
        let interpolated = (settings.gp > 0.0).then_some(2);
        let next = if interpolated.is_some() { 3 } else { 2 };
        if settings.fakes == Fakes::Same {
            return Self { interpolated, generators_real: None, generators_fakes: 1, count: next };
        }
        let generators_real = settings.loss.is_paired().then_some(next);
        let generators_fakes = next + usize::from(generators_real.is_some());
        Self { interpolated, generators_real, generators_fakes, count: generators_fakes + 1 }
    }

    /// The block of an update's fakes.
    pub(super) fn fakes(&self, update: Role) -> usize {
        match update {
            Role::Discriminator => 1,
            Role::Generator => self.generators_fakes,
        }
    }

    /// The blocks that repeat the real images' labels.
    pub(super) fn real_again(&self) -> impl Iterator<Item = usize> + use<> {
        [self.interpolated, self.generators_real].into_iter().flatten()
    }
}

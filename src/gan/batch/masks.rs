//! The dropout masks of an iteration.

use crate::gan::iteration::{Pass, Step};
use crate::gan::model::Model;
use crate::gan::role::Role;
use crate::rng::site;

/// A dropout mask of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mask {
    pub(super) pass: Pass,
    pub(super) probability: f64,
    /// The site of its random numbers; see [`crate::rng`].
    pub(super) site: u32,
    /// Elements for each row of a batch.
    pub(super) columns: usize,
    /// Images in a row of a batch.
    pub(super) pack: usize,
}

/// Elements of masks for a batch of `images` images.
pub(super) fn elements(masks: &[Mask], images: usize) -> usize {
    masks.iter().map(|mask| mask.columns * (images / mask.pack)).sum()
}

/// The masks of all passes: the discriminator's for its own update, those for the generator's
/// update, then the generator's.
pub(super) fn masks(model: &Model, steps: &[Step]) -> Vec<Mask> {
    let mut passes: Vec<Pass> = steps.iter().filter_map(|step| step.pass()).collect();
    passes.sort_by_key(|pass| [pass.network as usize, pass.update as usize]);
    let of_pass = |pass: Pass| {
        let stages = model.network(pass.network).stages().iter().enumerate();
        let (first, pack) = match pass.network {
            Role::Discriminator => (site::DROPOUT, model.settings().pack),
            Role::Generator => (site::GENERATOR_DROPOUT, 1),
        };
        stages.filter_map(move |(i, stage)| {
            Some(Mask {
                pass,
                probability: stage.dropout()?,
                site: first + 2 * i as u32 + pass.update as u32,
                columns: pass.batches * stage.outputs(),
                pack,
            })
        })
    };
    passes.into_iter().flat_map(of_pass).collect()
}

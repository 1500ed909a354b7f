//! The dropout masks of an iteration.

use crate::device::ops::{Draw, DrawKind};
use crate::gan::iteration::{Pass, Step};
use crate::gan::model::Model;
use crate::gan::role::Role;
use crate::rng::site;

/// A dropout mask of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Mask {
    pub(super) pass: Pass,
    pub(super) probability: f64,
    /// The site of its random numbers for an update; see [`crate::rng`].
    site: u32,
    /// Elements for an image or pack.
    outputs: usize,
    /// Images in a row of a batch.
    pub(super) pack: usize,
}

impl Mask {
    /// Elements for each row of a batch: it has as many rows as a batch of images or packs.
    pub(super) fn columns(&self) -> usize {
        self.pass.batches * self.outputs
    }

    /// The sites and batches of its parts: in a merged pass, the masks of the discriminator's update for
    /// real images and fakes, then those of the generator's update.
    fn parts(&self) -> impl Iterator<Item = (u32, usize)> {
        let Pass { update, batches, merged, .. } = self.pass;
        let first = if merged { Role::Discriminator } else { update };
        let part = |update: Role, batches| (self.site + update as u32, batches);
        let last = merged.then(|| part(update, 1));
        [part(first, batches - usize::from(merged))].into_iter().chain(last)
    }
}

/// Elements of masks for a batch of `images` images.
pub(super) fn elements(masks: &[Mask], images: usize) -> usize {
    masks.iter().map(|mask| mask.columns() * (images / mask.pack)).sum()
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
                site: first + 2 * i as u32,
                outputs: stage.outputs(),
                pack,
            })
        })
    };
    passes.into_iter().flat_map(of_pass).collect()
}

/// The draws of the masks of a network, one after the other from an element on.
pub(super) fn draws(masks: &[Mask], start: usize) -> impl Iterator<Item = Draw> {
    let parts = masks.iter().flat_map(|mask| mask.parts().map(move |part| (mask, part)));
    let draw = move |before: &mut usize, (mask, (site, batches)): (&Mask, (u32, usize))| {
        let (kind, columns) = (DrawKind::Mask(mask.probability), batches * mask.outputs);
        let draw = Draw { kind, site, start, before: *before, columns, batches, pack: mask.pack };
        *before += columns;
        Some(draw)
    };
    parts.scan(0, draw)
}

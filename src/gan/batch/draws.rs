//! What is drawn in an iteration, and where its inputs are in memory.

use super::label_blocks::LabelBlocks;
use super::masks::{Mask, draws as mask_draws, elements};
use crate::device::ops::{AUGMENT_DRAWS, Draw, DrawKind};
use crate::gan::role::Role;
use crate::gan::settings::Settings;
use crate::rng::site;

/// Where the parts of an iteration's inputs begin, for full batches.
pub(super) struct Regions {
    pub(super) alpha: usize,
    pub(super) augmentation: usize,
    /// The masks of discriminator and generator.
    pub(super) masks: [usize; 2],
    pub(super) end: usize,
    /// The numbers of labels and of draws.
    pub(super) labels: usize,
    pub(super) draws: usize,
}

impl Regions {
    pub(super) fn new(settings: &Settings, fake_batches: usize, plan: &[Mask]) -> Self {
        let rows = settings.batch_size;
        let [of_discriminator, of_generator] = by_network(plan).map(|plan| elements(plan, rows));
        let alpha = fake_batches * rows * settings.latent_dim;
        let augmentation = alpha + interpolated(settings);
        let first = augmentation + augmented(settings) * AUGMENT_DRAWS;
        let masks = [first, first + of_discriminator];
        let end = masks[1] + of_generator;
        let mut regions =
            Self { alpha, augmentation, masks, end, labels: labels(settings), draws: 0 };
        regions.draws = draws(settings, fake_batches, &regions, plan).len();
        regions
    }
}

/// The masks of discriminator and generator.
pub(super) fn by_network(plan: &[Mask]) -> [&[Mask]; 2] {
    let end = plan.iter().take_while(|mask| mask.pass.network == Role::Discriminator).count();
    let (discriminator, generator) = plan.split_at(end);
    [discriminator, generator]
}

/// All that is drawn in an iteration.
pub(super) fn draws(
    settings: &Settings,
    fake_batches: usize,
    regions: &Regions,
    plan: &[Mask],
) -> Vec<Draw> {
    let draw = |kind, site, start, before, columns| Draw {
        kind,
        site,
        start,
        before,
        columns,
        batches: 1,
        pack: 1,
    };
    let (noise, dim) = (DrawKind::Noise(settings.latent), settings.latent_dim);
    let mut all: Vec<Draw> =
        (0..fake_batches).map(|i| draw(noise, site::NOISE + i as u32, 0, i * dim, dim)).collect();
    if let Some(classes) = settings.classes {
        let blocks = LabelBlocks::of(settings);
        let real = [0].into_iter().chain(blocks.real_again());
        all.extend(real.map(|block| draw(DrawKind::ImageLabels, 0, 0, block, 1)));
        let updates = [Role::Discriminator, Role::Generator].into_iter().take(fake_batches);
        all.extend(updates.map(|update| {
            let site = site::LABELS + update as u32;
            draw(DrawKind::Classes(classes), site, 0, blocks.fakes(update), 1)
        }));
    }
    if settings.gp > 0.0 {
        let alpha = draw(DrawKind::Unit, site::INTERPOLATION, regions.alpha, 0, 1);
        all.push(Draw { pack: settings.pack, ..alpha });
    }
    if !settings.augment.is_empty() {
        // Real images and fakes of both updates.
        let (batches, columns) = (4, 4 * AUGMENT_DRAWS);
        let numbers = draw(DrawKind::Unit, site::AUGMENTATION, regions.augmentation, 0, columns);
        all.push(Draw { batches, ..numbers });
    }
    let networks = by_network(plan).into_iter().zip(regions.masks);
    all.extend(networks.flat_map(|(plan, start)| mask_draws(plan, start)));
    all
}

/// The number of labels.
fn labels(settings: &Settings) -> usize {
    settings.classes.map_or(0, |_| LabelBlocks::of(settings).count * settings.batch_size)
}

/// Images that are augmented in an iteration: real ones and fakes for each update.
fn augmented(settings: &Settings) -> usize {
    if settings.augment.is_empty() { 0 } else { 4 * settings.batch_size }
}

/// The largest number of points between real images and fakes.
fn interpolated(settings: &Settings) -> usize {
    if settings.gp > 0.0 { settings.batch_size / settings.pack } else { 0 }
}

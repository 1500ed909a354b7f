//! Both updates for each loss with each gradient penalty, for each kind of discriminator: fully
//! connected and convolutional, with and without classes, with dropout, and packed.

use gan_cuda::choice::Choice;
use gan_cuda::device::ops::{Augmentation, Augmentations};
use gan_cuda::gan::preset::{Preset, find};
use gan_cuda::gan::rewrite::Rewrite;
use gan_cuda::gan::settings::{Fakes, Loss, Order, Settings};
use rayon::prelude::*;

use super::check::Case;
use super::sizes::is_convolutional;
use super::updates::{check, pair, small};

/// R1, R2 and WGAN-GP, alone and together: adjacent batches, batches with another between them, all.
const PENALTIES: [[f64; 3]; 6] = [
    [0.3, 0.0, 0.0],
    [0.0, 0.4, 0.0],
    [0.3, 0.4, 0.0],
    [0.0, 0.0, 0.5],
    [0.3, 0.0, 0.5],
    [0.3, 0.4, 0.5],
];

/// Elements of a tensor that are checked: there are many combinations. Each is slow for convolutional
/// presets, whose images are large.
fn elements(preset: &Preset) -> usize {
    if is_convolutional(preset) { 5 } else { 10 }
}

pub fn cases() -> Vec<Case> {
    let all = ["mlp", "mlp-dropout", "cgan", "dcgan", "cdcgan"].into_par_iter().flat_map(|name| {
        // The slowest preset; its layers are those of others.
        let few =
            |loss: &&Loss| name != "cdcgan" || [Loss::Wgan, Loss::Relativistic].contains(loss);
        let losses: Vec<Loss> = Loss::ALL.iter().filter(few).copied().collect();
        losses.into_par_iter().flat_map_iter(move |loss| with_loss(find(name).unwrap(), loss))
    });
    let others = ["mlp", "cgan", "dcgan", "cdcgan"].into_par_iter();
    let others = others.flat_map_iter(|name| normalized_and_augmented(find(name).unwrap()));
    let packed = ["mlp", "dcgan"].into_par_iter().flat_map_iter(|name| packed(find(name).unwrap()));
    all.chain(packed).chain(others).collect()
}

fn settings(preset: &Preset, loss: Loss, [r1, r2, gp]: [f64; 3]) -> Settings {
    let mut settings = Settings { r1, r2, gp, batch_size: 2, ..small(preset) };
    settings.set_loss(loss);
    settings
}

/// A loss with each penalty; orders, fakes and intervals take turns.
fn with_loss(preset: &'static Preset, loss: Loss) -> Vec<Case> {
    let mut pair =
        pair(preset, &format!("{loss} with penalties")).map(|case| case.sampling(elements(preset)));
    let orders = [Order::DFirst, Order::GFirst].into_iter().cycle();
    let fakes = [Fakes::Same, Fakes::Fresh, Fakes::Fresh].into_iter().cycle();
    for ((penalties, order), fakes) in PENALTIES.into_iter().zip(orders).zip(fakes) {
        let penalty_interval = if order == Order::GFirst { 3 } else { 1 };
        let settings = settings(preset, loss, penalties);
        check(&mut pair, Settings { order, fakes, penalty_interval, ..settings }, 2);
    }
    pair.into()
}

/// Two images at once.
fn packed(preset: &'static Preset) -> Vec<Case> {
    let mut pair = pair(preset, "packs of two").map(|case| case.sampling(elements(preset)));
    for (loss, penalties) in [(Loss::Bce, [0.0; 3]), (Loss::Relativistic, [0.3, 0.4, 0.5])] {
        let mut settings = settings(preset, loss, penalties);
        let rewrite = Rewrite { pack: Some(2), ..Rewrite::default() };
        rewrite.apply(&preset.name, &mut settings).unwrap();
        check(&mut pair, Settings { batch_size: 4, ..settings }, 4);
    }
    pair.into()
}

/// Spectral normalization and augmentation, apart and together, without and with penalties.
fn normalized_and_augmented(preset: &'static Preset) -> Vec<Case> {
    let mut pair =
        pair(preset, "spectral norm, augmentation").map(|case| case.sampling(elements(preset)));
    let all = Augmentations::from_iter(Augmentation::ALL.iter().copied());
    let none = Augmentations::default();
    let cases = [
        (Loss::Hinge, [0.0; 3], true, none),
        (Loss::Mse, [0.0; 3], false, all),
        (Loss::Relativistic, [0.3, 0.4, 0.5], true, all),
    ];
    for (loss, penalties, spectral_norm, augment) in cases {
        let settings = settings(preset, loss, penalties);
        check(&mut pair, Settings { spectral_norm, augment, ..settings }, 2);
    }
    pair.into()
}

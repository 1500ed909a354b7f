//! Merged updates have the losses and gradients of separate ones.

use gan_cuda::choice::Choice;
use gan_cuda::device::cpu::Cpu;
use gan_cuda::device::ops::{AUGMENT_DRAWS, Augmentation};
use gan_cuda::gan::iteration::Step;
use gan_cuda::gan::preset::find;
use gan_cuda::gan::settings::{Fakes, Loss, Order, Settings};
use gan_cuda::gan::{Gan, Role};

use super::random::Numbers;
use super::updates::{run, small, subject, tensors};

/// With a short batch.
const BATCH: usize = 4;
const ROWS: usize = 3;
/// Rounding of sums in another order.
const TOLERANCE: f64 = 1e-12;

#[test]
fn merged_updates_have_the_gradients_of_separate_ones() {
    for name in ["mlp", "mlp-dropout", "mlp-batchnorm", "cgan", "dcgan", "cdcgan"] {
        let own = small(find(name).unwrap());
        compare(name, &own);
        let augment = Augmentation::ALL.iter().copied().collect();
        compare(&format!("{name}, augmented"), &Settings { augment, ..own.clone() });
        compare(&format!("{name}, normalized"), &Settings { spectral_norm: true, ..own.clone() });
        compare(&format!("{name}, dropout at first"), &with_dropout(&own));
    }
}

/// Without dropout, also for pairs of images.
#[test]
fn merged_updates_of_pairs_have_the_gradients_of_separate_ones() {
    for name in ["mlp", "dcgan"] {
        let mut settings = small(find(name).unwrap());
        settings.set_loss(Loss::Relativistic);
        compare(&format!("{name}, relativistic"), &settings);
    }
}

/// Dropout in the first stage of the discriminator, which may be a convolution.
fn with_dropout(settings: &Settings) -> Settings {
    let mut settings = settings.clone();
    let layers = &mut settings.discriminator.sequences[0].layers;
    layers.insert(1, "Dropout(0.3)".parse().unwrap());
    settings
}

fn compare(what: &str, settings: &Settings) {
    let of_order = |order| {
        let base = settings.clone();
        let settings = Settings { order, fakes: Fakes::Same, batch_size: BATCH, ..base };
        let mut gan = subject(settings, ROWS);
        write_masks(&mut gan);
        // Merged updates see the same augmented images.
        let draws = Numbers::new(7).around(0.5, 0.5, 2 * ROWS * AUGMENT_DRAWS);
        if !gan.settings().augment.is_empty() {
            let (device, inputs) = gan.inputs_mut();
            inputs.write_draws(device, &[draws.clone(), draws].concat()).unwrap();
        }
        let [discriminator, generator] = run(&mut gan, ROWS, true);
        let mut numbers = [discriminator.outputs, generator.outputs].concat();
        for role in Role::BOTH {
            numbers.extend(tensors(&gan, role).into_iter().flat_map(|(_, gradient, _)| gradient));
        }
        (gan.steps().contains(&Step::BackwardMerged), numbers)
    };
    let (merged, separate) = (of_order(Order::GFirst), of_order(Order::DFirst));
    assert_eq!((merged.0, separate.0), (true, false), "{what}");
    for (merged, separate) in merged.1.iter().zip(&separate.1) {
        let limit = TOLERANCE * (1.0 + separate.abs());
        assert!((merged - separate).abs() <= limit, "{what}: {merged} and {separate}");
    }
}

/// Writes the same masks of the discriminator for each stage and batch: real images, fakes, and the
/// fakes in the generator's update.
fn write_masks(gan: &mut Gan<Cpu<f64>>) {
    let spec = gan.model().discriminator().clone();
    let dropping = spec.stages().iter().filter_map(|stage| Some((stage.dropout()?, stage)));
    let (device, inputs) = gan.inputs_mut();
    let passes = inputs.dropping_passes();
    let passes = passes.into_iter().filter(|pass| pass.network == Role::Discriminator);
    let passes: Vec<_> = passes.collect();
    for (i, (p, stage)) in dropping.enumerate() {
        for batch in 0..3 {
            let mut numbers = Numbers::new(10 * i as u64 + batch as u64);
            let mask = numbers.mask(p, ROWS * stage.outputs());
            let update = if batch == 2 { Role::Generator } else { Role::Discriminator };
            let pass = passes.iter().find(|pass| pass.merged || pass.update == update).unwrap();
            let first = if pass.merged || batch < 2 { batch * ROWS } else { 0 };
            inputs.write_mask(device, *pass, i, first, &mask, ROWS).unwrap();
        }
    }
}

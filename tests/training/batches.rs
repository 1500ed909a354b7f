//! The last batch of an epoch.

use gan_cuda::formats::stats::read_stats;
use gan_cuda::gan::preset::presets;
use gan_cuda::train::Error;
use gan_cuda::train::trainer::schedule;

use super::*;

/// The sizes of an epoch's batches, with batch size 16.
fn batches(preset: &Preset, images: usize) -> Vec<usize> {
    let model = Model::new(small(preset)).unwrap();
    let schedule = schedule(&model, &digits(images, model.settings().image)).unwrap();
    let rows: Vec<_> = (0..schedule.iterations() as u32).map(|done| schedule.rows(done)).collect();
    assert_eq!(schedule.dropped().unwrap_or(0), images - rows.iter().sum::<usize>());
    rows
}

#[test]
fn incomplete_last_batch_is_kept_or_dropped_by_preset() {
    for preset in presets() {
        let rest: &[usize] = if preset.name == "mlp-batchnorm" { &[] } else { &[7] };
        assert_eq!(batches(preset, 39), [&[16, 16], rest].concat(), "{}", preset.name);
        assert_eq!(batches(preset, 32), [16, 16], "{}", preset.name);
    }
}

#[test]
fn last_batch_of_one_image_is_dropped_with_batch_norm() {
    for (name, rest) in [
        ("mlp", &[1][..]),
        ("mlp-dropout", &[1]),
        ("cgan", &[]),
        ("mlp-rgb", &[]),
        ("mlp-batchnorm", &[]),
    ] {
        assert_eq!(batches(preset(name), 33), [&[16, 16], rest].concat(), "{name}");
    }
    // A batch of two images has a variance.
    assert_eq!(batches(preset("cgan"), 34), [16, 16, 2]);
}

#[test]
fn training_continues_after_an_incomplete_batch_in_the_next_epoch() {
    for preset in presets() {
        for images in [33, 39] {
            let config = config(preset, 8, 8);
            let (_runs, _, run) = trained(&config, images);
            let per_epoch = batches(preset, images).len() as u64;
            let records = read_stats(&run.stats()).unwrap().losses;
            let epochs: Vec<_> = records.iter().map(|record| record.epoch).collect();
            let want: Vec<_> = (0..8).map(|done| done / per_epoch + 1).collect();
            assert_eq!(epochs, want, "{}", preset.name);
            let finite = |r: &gan_cuda::formats::stats::LossEntry| {
                r.d_loss.is_finite() && r.g_loss.is_finite() && r.d_fake.is_finite()
            };
            assert!(records.iter().all(finite), "{}: {records:?}", preset.name);
        }
    }
}

#[test]
fn run_ends_when_epochs_or_iterations_are_reached_first() {
    let base = config(preset("mlp"), 4, 100);
    for (epochs, iterations, end) in
        [(Some(1), Some(4), 3), (Some(2), Some(4), 4), (Some(2), None, 6), (None, Some(7), 7)]
    {
        let (_runs, _, run) = trained(&Config { epochs, iterations, ..base.clone() }, 40);
        assert_eq!(run.checkpoints().unwrap(), [end]);
    }
}

#[test]
fn fewer_images_than_a_batch_are_an_incomplete_batch_or_an_error() {
    for preset in presets() {
        let model = Model::new(small(preset)).unwrap();
        let schedule = schedule(&model, &digits(5, model.settings().image));
        match (preset.name.as_str(), schedule) {
            ("mlp-batchnorm", Err(Error::TooFewImages { images: 5, batch_size: 16, .. })) => {}
            ("mlp-batchnorm", other) => panic!("{other:?}"),
            (name, schedule) => assert_eq!(schedule.unwrap().rows(0), 5, "{name}"),
        }
    }
}

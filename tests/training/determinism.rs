//! The same bits for every number of threads, others for another seed.

use gan_cuda::gan::preset::presets;

use super::*;

/// Three iterations an epoch, the last of them short where the preset keeps it.
const IMAGES: usize = 40;

#[test]
fn two_threads_give_the_same_bits_as_one() {
    for preset in presets() {
        let one = config(preset, 7, 7);
        let two = Config { threads: 2, ..one.clone() };
        let three = Config { threads: 3, ..one.clone() };
        let data = digits(IMAGES, one.gan.image);
        let runs = tempfile::tempdir().unwrap();
        let [one, two, three] = [one, two, three].map(|c| left_by(&train(&c, &data, runs.path())));
        assert_same(&two, &one, &preset.name);
        assert_same(&three, &one, &preset.name);
    }
}

/// Layers as wide as the published ones, where work is shared among threads in many more ways.
#[test]
fn two_threads_give_the_same_bits_as_one_at_full_width() {
    for preset in presets() {
        let mut one = config(preset, 2, 2);
        let small = Rewrite { image_size: Some(12), ..Rewrite::default() };
        one.gan = Settings { batch_size: 64, ..preset.rewritten(&small).unwrap() };
        let two = Config { threads: 2, ..one.clone() };
        let data = digits(100, one.gan.image);
        let runs = tempfile::tempdir().unwrap();
        let [one, two] = [one, two].map(|c| left_by(&train(&c, &data, runs.path())));
        assert_same(&two, &one, &preset.name);
    }
}

#[test]
fn another_seed_gives_other_weights_samples_and_losses() {
    for preset in presets() {
        let config = config(preset, 3, 3);
        let other = Config { seed: 8, ..config.clone() };
        let data = digits(IMAGES, config.gan.image);
        let runs = tempfile::tempdir().unwrap();
        let [files, others] = [config, other].map(|c| left_by(&train(&c, &data, runs.path())));
        for (weights, others) in weights(&files).iter().zip(weights(&others)) {
            assert_ne!(*weights, others, "{}", preset.name);
        }
        for name in ["samples/000000.png", "samples/000003.png", "stats.jsonl"] {
            assert_ne!(files[name], others[name], "{}: {name}", preset.name);
        }
        // Real images do not depend on the seed.
        assert_eq!(files["reals.png"], others["reals.png"], "{}", preset.name);
    }
}

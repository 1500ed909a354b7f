//! The same bits for every number of threads, others for another seed.

use gan_cuda::gan::preset::presets;

use super::*;

/// Three iterations an epoch, the last of them short where the preset keeps it.
const IMAGES: usize = 40;

/// What a run leaves.
fn left_of(config: &Config, images: usize) -> BTreeMap<String, Vec<u8>> {
    let (_runs, _, run) = trained(config, images);
    left_by(&run)
}

/// Layers as wide as the published ones, where work is shared among threads in many ways.
#[test]
fn more_threads_give_the_same_bits_as_one() {
    for preset in presets() {
        let mut one = config(preset, 2, 2);
        let small = runs::sizes::sides(preset, 12);
        one.gan = Settings { batch_size: 64, ..preset.rewritten(&small).unwrap() };
        let want = left_of(&one, 100);
        for threads in [2, 3] {
            let config = Config { threads, ..one.clone() };
            assert_same(&left_of(&config, 100), &want, &one.preset);
        }
    }
}

#[test]
fn another_seed_gives_other_weights_samples_and_losses() {
    for preset in presets() {
        let config = config(preset, 3, 3);
        let other = Config { seed: 8, ..config.clone() };
        let [files, others] = [config, other].map(|config| left_of(&config, IMAGES));
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

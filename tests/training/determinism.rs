//! Runs are bitwise the same for every number of threads, and differ by seed.

use gan_cuda::gan::preset::presets;

use super::*;

/// Three iterations per epoch, the last of them incomplete; two if the preset drops it.
const IMAGES: usize = 40;

/// The files of a finished run.
fn files_of(config: &Config, images: usize) -> BTreeMap<String, Vec<u8>> {
    let (_runs, _, run) = trained(config, images);
    left_by(&run)
}

/// The layers are as wide as the published ones, so that threads divide the work in many ways.
#[test]
fn results_are_bitwise_the_same_for_any_number_of_threads() {
    for preset in presets() {
        let mut one = config(preset, 2, 2);
        let small = runs::sizes::sides(preset, 12);
        one.gan = Settings { batch_size: 64, ..preset.rewritten(&small).unwrap() };
        let want = files_of(&one, 100);
        for threads in [2, 3] {
            let config = Config { threads, ..one.clone() };
            assert_same(&files_of(&config, 100), &want, &one.preset);
        }
    }
}

#[test]
fn another_seed_changes_weights_samples_and_losses() {
    for preset in presets() {
        let config = config(preset, 3, 3);
        let other = Config { seed: 8, ..config.clone() };
        let [files, others] = [config, other].map(|config| files_of(&config, IMAGES));
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

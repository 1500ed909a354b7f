//! Flags of penalties, averages, spectral normalization, augmentation and packing.

use super::scratch::{RUN, Scratch, has};

#[test]
fn samples_come_from_the_average_unless_raw_is_given() {
    let scratch = Scratch::with_run("--iterations 6 --ema 0.9");
    let folder = format!("{RUN}/checkpoint-000006");
    for file in ["generator.safetensors", "generator_ema.safetensors"] {
        assert!(scratch.path(&folder).join(file).is_file(), "{file}");
    }
    let weights = ["weights   the moving average"];
    scratch.run("sample --out average.png").prints(&weights);
    let raw = scratch.run("sample --raw --out raw.png").succeeds();
    assert!(!raw.contains("weights"), "{raw}");
    let own = format!("sample --generator {folder}/generator.safetensors --out own.png");
    scratch.run(&own).succeeds();
    let image = |name: &str| std::fs::read(scratch.path(name)).unwrap();
    assert_ne!(image("average.png"), image("raw.png"));
    assert_eq!(image("own.png"), image("raw.png"));
    assert_eq!(image("average.png"), image(&format!("{RUN}/samples/000006.png")));
    scratch.run("evaluate --count 200").prints(&weights);
    scratch.run("export --safetensors average.safetensors --pytorch average.py").prints(&weights);
    has(&scratch.text("average.py"), &["generator_ema.safetensors"]);
    scratch.run("export --raw --safetensors raw.safetensors").succeeds();
    assert_ne!(image("average.safetensors"), image("raw.safetensors"));
}

#[test]
fn damaged_average_is_named() {
    let scratch = Scratch::with_run("--iterations 2 --ema 0.9");
    let file = format!("{RUN}/checkpoint-000002/generator_ema.safetensors");
    let mut bytes = std::fs::read(scratch.path(&file)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    scratch.put(&file, bytes);
    scratch.run("sample --out a.png").fails(1, &["generator_ema.safetensors", "checksum"]);
}

#[test]
fn combinations_that_make_no_sense_are_refused() {
    let scratch = Scratch::with_digits();
    for (flags, words) in [
        ("--preset mlp --pack 3", &["--batch-size", "multiple of pack"][..]),
        ("--loss wgan --real-label 0.9", &["--real-label", "wgan", "no targets"]),
        ("--penalty-interval 4", &["--penalty-interval", "there is no penalty"]),
        ("--pack 2", &["pack is 2", "classes"]),
        ("--ema 1", &["--ema", "from 0 to below 1"]),
        ("--augment flip,blur", &["--augment", "blur"]),
    ] {
        let code = if flags == "--pack 2" { 1 } else { 2 };
        scratch.train(&format!("--iterations 1 {flags}")).fails(code, words);
    }
    let flags = "--preset dcgan-rgb --dataset digits --image-size 16 --r1 1";
    scratch.run(&format!("train {flags}")).fails(1, &["has BatchNorm", "r1, r2, gp"]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn fields_of_a_file_are_checked_like_flags() {
    let scratch = Scratch::with_digits();
    let file = scratch.run("presets mlp --toml").succeeds();
    for (line, words) in [
        ("ema_warmup = 5", &["ema_warmup", "ema is not set"][..]),
        ("ema = 0.0", &["gan.ema", "left out for no average"]),
        ("n_critic = 0", &["n_critic", "from 1 to 1,000"]),
        ("r1 = -1.0", &["r1", "from 0 to 1,000,000"]),
        ("augment = [\"blur\"]", &["blur", "flip, translate"]),
        ("pack = 2", &["discriminator layer 0", "1568"]),
    ] {
        scratch.put("own.toml", file.replace("b1 = 0.5", &format!("{line}\nb1 = 0.5")));
        scratch.run("train --data-dir digits --config own.toml --iterations 1").fails(1, words);
    }
    let own = file.replace("b1 = 0.5", "pack = 2\nspectral_norm = true\nb1 = 0.5");
    scratch.put("own.toml", own.replace("Linear(784, 256)", "Linear(1568, 256)"));
    let train = "train --data-dir digits --batch-size 16 --config own.toml";
    scratch.run(&format!("{train} --iterations 2")).succeeds();
    scratch.run(&format!("{train} --pack 4")).fails(2, &["--pack", "own.toml"]);
}

#[test]
fn augment_none_turns_augmentation_off() {
    let scratch = Scratch::with_run("--iterations 1 --augment flip,cutout");
    let config = |flags: &str| scratch.run(&format!("train --dry-run {flags}")).succeeds();
    let branch = format!("--resume {RUN} --branch --iterations 2");
    has(&config(&branch), &["augment = [", "\"flip\"", "\"cutout\""]);
    assert!(!config(&format!("{branch} --augment none")).contains("augment"));
    scratch.train("--augment none,flip").fails(2, &["--augment", "none"]);
}

#[test]
fn what_a_flag_makes_meaningless_is_dropped() {
    let scratch = Scratch::new();
    let dry = |flags: &str| scratch.run(&format!("train --dry-run {flags}")).succeeds();
    scratch.put("own.toml", dry("--preset mlp --r1 1 --penalty-interval 4 --real-label 0.9"));
    let config = dry("--config own.toml --r1 0 --loss hinge");
    assert!(!config.contains("penalty_interval") && !config.contains("real_label"), "{config}");
    has(&dry("--config own.toml --r1 2"), &["penalty_interval = 4", "real_label = 0.9"]);
    let both = "train --dry-run --config own.toml --r1 0 --penalty-interval 2";
    scratch.run(both).fails(2, &["--penalty-interval", "no penalty"]);
}

#[test]
fn images_that_fill_no_pack_are_mentioned() {
    // 40 digits: two batches of 14, and 12 images, of which 7 make a pack.
    let scratch = Scratch::with_digits();
    let train = "--preset mlp --iterations 3 --batch-size";
    let with_rest = scratch.train(&format!("{train} 14 --pack 7")).succeeds();
    has(&with_rest, &["of each shuffled epoch 5 images fill no pack"]);
    let even = scratch.train(&format!("{train} 16 --pack 2")).succeeds();
    assert!(!even.contains("fill no pack"), "{even}");
}

#[test]
fn spectral_norm_resumes_and_refuses_weights_without_it() {
    let scratch = Scratch::with_run("--preset mlp --iterations 2 --spectral-norm");
    scratch.run("train --resume --iterations 4").succeeds();
    let weights = "runs/00000-mlp-mnist/checkpoint-000004/discriminator.safetensors";
    let again = format!("--preset mlp --iterations 1 --init-discriminator {weights}");
    scratch.train(&again).fails(1, &["0.weight"]);
    scratch.train(&format!("{again} --spectral-norm")).succeeds();
}

#[test]
fn new_average_gets_a_warm_up_and_no_average_has_none() {
    let scratch = Scratch::new();
    let dry = |flags: &str| scratch.run(&format!("train --dry-run {flags}")).succeeds();
    has(&dry("--ema 0.99"), &["ema = 0.99\n", "ema_warmup = 10\n"]);
    let none = dry("--preset cgan-ema --ema 0");
    assert!(!none.contains("ema = ") && !none.contains("ema_warmup"), "{none}");
    let own = scratch.run("presets cgan-ema --toml").succeeds();
    scratch.put("own.toml", own.replace("ema_warmup = 10\n", ""));
    assert!(!dry("--config own.toml --ema 0.9").contains("ema_warmup"));
}

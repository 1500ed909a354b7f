//! Flags of `train`: their effect on the configuration, and invalid ones.

use super::scratch::{RUN, Scratch};

/// A flag, the key that it sets in the configuration, and the expected value.
pub type Row = (&'static str, &'static str, &'static str);

/// The flags as a command line.
pub fn typed(rows: &[Row]) -> String {
    rows.iter().map(|(flag, ..)| *flag).collect::<Vec<_>>().join(" ")
}

#[track_caller]
pub fn assert_set(config: &toml::Value, rows: &[Row]) {
    for (flag, key, want) in rows {
        assert_eq!(value(config, key), *want, "{key} {flag}");
    }
}

/// A value of the configuration by its path in TOML, e.g. "gan.image.height".
fn value(config: &toml::Value, key: &str) -> String {
    key.split('.').fold(config, |value, key| &value[key]).to_string()
}

#[test]
fn every_value_flag_overrides_the_preset() {
    let scratch = Scratch::with_digits();
    let flags = [
        ("--preset cgan", "preset", "\"cgan\""),
        ("--dataset mnist", "dataset", "\"mnist\""),
        ("--epochs 5", "epochs", "5"),
        ("--iterations 1", "iterations", "1"),
        ("--batch-size 13", "gan.batch_size", "13"),
        ("--lr 0.0123", "gan.lr", "0.0123"),
        ("--b1 0.45", "gan.b1", "0.45"),
        ("--b2 0.95", "gan.b2", "0.95"),
        ("--latent-dim 11", "gan.latent_dim", "11"),
        ("--latent uniform", "gan.latent", "\"uniform\""),
        ("--image-size 10", "gan.image.height", "10"),
        ("--channels 3", "gan.image.channels", "3"),
        ("--loss bce-logits", "gan.loss", "\"bce-logits\""),
        ("--d-loss-scale 0.25", "gan.d_loss_scale", "0.25"),
        ("--order d-first", "gan.order", "\"d-first\""),
        ("--fakes fresh", "gan.fakes", "\"fresh\""),
        ("--init normal:0.05", "gan.init", "\"normal:0.05\""),
        ("--seed 42", "seed", "42"),
        ("--device cpu", "device", "\"cpu\""),
        ("--threads 2", "threads", "2"),
        ("--conv winograd", "conv", "\"winograd\""),
        ("--sample-interval epoch", "sample_interval", "\"epoch\""),
        ("--log-interval 9", "log_interval", "9"),
        ("--checkpoint-interval 17", "checkpoint_interval", "17"),
        ("--keep 4", "keep", "4"),
        ("--evaluate-interval 3", "evaluate_interval", "3"),
        ("--keep-best kid", "keep_best", "\"kid\""),
    ];
    let layers = "--g-hidden 7,8 --d-hidden 5,6 --leaky-slope 0.15 --dropout 0.35 --bn-eps 0.001 \
                  --bn-momentum 0.3 --d-final-relu";
    scratch.run(&format!("train --data-dir digits {layers} {}", typed(&flags))).succeeds();
    let config = scratch.config(RUN);
    let list = |network| value(&config["gan"][network]["sequences"][0], "layers");
    assert_eq!(
        list("generator"),
        "[\"Linear(21, 7)\", \"LeakyReLU(0.15)\", \"Linear(7, 8)\", \
         \"BatchNorm1d(8, eps=0.001, momentum=0.3)\", \"LeakyReLU(0.15)\", \"Linear(8, 300)\", \
         \"Tanh()\"]"
    );
    assert_eq!(
        list("discriminator"),
        "[\"Linear(310, 5)\", \"LeakyReLU(0.15)\", \"Linear(5, 6)\", \"Dropout(0.35)\", \
         \"LeakyReLU(0.15)\", \"Linear(6, 1)\", \"ReLU()\"]"
    );
    assert_set(&config, &flags);
    assert_eq!(value(&config, "gan.image.width"), "10");
    assert!(value(&config, "data_dir").ends_with("/digits\""), "{config}");
}

#[test]
fn defaults_are_as_documented() {
    let scratch = Scratch::with_digits();
    let out = scratch.run("train --data-dir digits --dry-run").succeeds();
    let config = toml::Value::Table(toml::from_str(&out).unwrap());
    let defaults = [
        ("", "preset", "\"cgan\""),
        ("", "seed", "0"),
        ("", "epochs", "200"),
        ("", "sample_interval", "400"),
        ("", "log_interval", "50"),
        ("", "keep", "3"),
        ("", "device", "\"auto\""),
        ("", "gan.batch_size", "64"),
        ("", "gan.lr", "0.0002"),
        ("", "sample_grid", "\"10x10\""),
    ];
    assert_set(&config, &defaults);
    for unset in
        ["iterations", "checkpoint_interval", "gemm", "conv", "evaluate_interval", "keep_best"]
    {
        assert!(config.get(unset).is_none(), "{unset}");
    }
}

#[test]
fn flags_that_do_not_apply_to_a_preset_are_refused_by_name() {
    let scratch = Scratch::with_digits();
    for (preset, flags) in [
        ("mlp", &["--dropout 0.5", "--bn-eps 0.1", "--bn-momentum 0.1"][..]),
        ("mlp-dropout", &["--leaky-slope 0.1", "--bn-eps 0.1", "--bn-momentum 0.1"]),
        ("mlp-rgb --dataset mnist", &["--dropout 0.5"]),
        ("mlp-batchnorm", &["--dropout 0.5", "--batch-size 1"]),
        ("cgan", &["--batch-size 1"]),
        ("dcgan", &["--dropout 0.5", "--image-size 32", "--batch-size 1"]),
        ("dcgan-rgb --dataset mnist", &["--image-size 48", "--g-hidden 8,4", "--d-final-relu"]),
    ] {
        for flag in flags {
            let words = [*flag, preset].map(|words| words.split(' ').next().unwrap());
            let command = format!("train --data-dir digits --preset {preset} {flag}");
            scratch.run(&command).fails(2, &words);
        }
    }
    assert!(!scratch.path("runs").exists());
}

#[test]
fn layer_flags_are_accepted_even_if_fewer_widths_remove_their_layers() {
    let scratch = Scratch::with_digits();
    let flags = "--g-hidden 8 --d-hidden 8 --bn-eps 0.1 --bn-momentum 0.2 --dropout 0.1";
    let out = scratch.run(&format!("train --data-dir digits {flags} --dry-run")).succeeds();
    assert!(out.contains("\"Linear(110, 8)\"") && !out.contains("Dropout("), "{out}");
    let words = ["--dropout", "mlp has none"];
    scratch.run(&format!("train --preset mlp {flags} --dry-run")).fails(2, &words[1..]);
    scratch.run("train --preset mlp --g-hidden 8 --dropout 0.1 --dry-run").fails(2, &words);
}

#[test]
fn unknown_names_are_refused_with_the_known_ones() {
    let scratch = Scratch::new();
    let names = ["biggan", "mlp,", "mlp-dropout", "cgan", "mlp-rgb", "mlp-batchnorm", "dcgan,"];
    for command in ["train --preset biggan", "presets biggan", "bench --preset biggan"] {
        scratch.run(command).fails(2, &names);
    }
    scratch.run("train --learning-rate 1").fails(2, &["--learning-rate"]);
    scratch.run("trian").fails(2, &["trian", "train"]);
    scratch.run("train --preset mlp-rgb").fails(2, &["--dataset", "mlp-rgb"]);
}

//! `--dataset stacked-mnist`: channels, classes, and the count of modes.

use serde_json::Value;

use super::scratch::{Scratch, TINY, has};

const RUN: &str = "runs/00000-mlp-stacked-mnist";
const STACKED: &str = "--preset mlp --dataset stacked-mnist";

fn json(scratch: &Scratch, arguments: &str) -> Value {
    let out = scratch.run(&format!("evaluate --json --threads 2 {arguments}")).succeeds();
    serde_json::from_str(&out).unwrap()
}

#[test]
fn run_on_stacked_digits_has_three_channels_and_counts_modes() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 2 --evaluate-interval 2";
    let out = scratch.run(&format!("train {TINY} {STACKED} {flags}")).succeeds();
    has(&out, &["stacked-mnist: 128,000 images of 28×28 rgb, 1,000 classes, from ", "modes KL"]);
    let config = scratch.text(&format!("{RUN}/config.toml"));
    has(&config, &["dataset = \"stacked-mnist\"", "channels = 3", "Linear(12, 2352)"]);
    let stats = scratch.text(&format!("{RUN}/stats.jsonl"));
    let line = stats.lines().find(|line| line.contains("\"scores\"")).unwrap();
    let trained = &serde_json::from_str::<Value>(line).unwrap()["scores"];
    let log = scratch.text(&format!("{RUN}/log.txt"));
    has(&log, &[&format!(", modes {}, modes KL ", trained["modes"])]);

    // The networks have hardly been trained.
    let found = json(&scratch, "");
    let modes = |row: &str| found[row]["modes"].as_u64().unwrap();
    let divergence = |row: &str| found[row]["modes_kl"].as_f64().unwrap();
    assert!(modes("generator") < 100 && modes("noise") < 100, "{found}");
    assert!(divergence("generator") > 2.0 && divergence("noise") > 2.0, "{found}");
    for score in ["modes", "modes_kl", "fcd", "kid"] {
        assert_eq!(trained[score], found["generator"][score], "{score}");
    }
    for missing in ["histogram_kl", "rarest_class", "class_fidelity"] {
        assert!(found["generator"][missing].is_null(), "{missing}");
    }
    assert_eq!([&found["reference_count"], &found["real_count"]], [10_000, 10_000]);
    assert!(found["classifier_error"].as_f64().unwrap() < 0.03, "{found}");

    let table = scratch.run("evaluate --count 60 --threads 2").succeeds();
    has(&table, &["modes  modes KL", "the test images of stacked-mnist", "gan-cuda fetch mnist"]);
    assert!(!table.contains("rarest class"), "{table}");
}

#[test]
fn embedded_digits_are_stacked_without_files() {
    let scratch = Scratch::new();
    let flags = "--batch-size 16 --g-hidden 8 --d-hidden 8 --threads 1 --iterations 1";
    let out = scratch.run(&format!("train {STACKED} {flags}")).succeeds();
    has(
        &out,
        &["embedded in this program", "to stack all 60,000 digits run `gan-cuda fetch mnist`"],
    );
    // The same images again, or the run would not be resumed.
    scratch.run("train --resume --iterations 2 --quiet").succeeds();
    let found = json(&scratch, "--count 2000");
    // 2,000 images of 1,000 equally frequent modes miss 135 of them, and 999 / 2n is 0.25.
    let modes = found["real"]["modes"].as_u64().unwrap();
    let kl = found["real"]["modes_kl"].as_f64().unwrap();
    assert!((800..900).contains(&modes) && (0.2..0.35).contains(&kl), "{found}");
}

#[test]
fn every_preset_for_digits_takes_stacked_digits() {
    let scratch = Scratch::with_digits();
    for preset in ["mlp", "mlp-dropout", "mlp-batchnorm", "dcgan", "cgan", "cdcgan"] {
        let arguments = "--dataset stacked-mnist --data-dir digits --dry-run --threads 1";
        let out = scratch.run(&format!("train --preset {preset} {arguments}")).succeeds();
        has(&out, &["channels = 3", "dataset = \"stacked-mnist\""]);
        assert_eq!(out.contains("classes = 1000"), ["cgan", "cdcgan"].contains(&preset), "{out}");
    }
}

#[test]
fn grey_stacked_digits_are_refused() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} {STACKED} --iterations 1");
    scratch.run(&format!("{train} --channels 1")).fails(2, &["--channels must be 3", "a digit in"]);
    // A file that lists its own layers, for grey images.
    let grey = scratch.run(&format!("train {TINY} --preset mlp --dry-run")).succeeds();
    scratch.put("grey.toml", grey);
    let own = "train --config grey.toml --dataset stacked-mnist --data-dir digits --iterations 1";
    scratch.run(own).fails(1, &["28×28 grey", "stacked digits need three channels"]);
    assert!(!scratch.path("runs").exists());
}

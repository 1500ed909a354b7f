//! `presets` and `bench`.

use super::scratch::{Scratch, has};

#[test]
fn presets_shows_each_in_full() {
    let scratch = Scratch::new();
    // Sums of (inputs + 1) · outputs, two numbers per BatchNorm feature, 100 per embedding.
    for (name, generator, discriminator, words) in [
        ("mlp", 1_952_528, 267_009, &["logits", "discriminator, then generator", "uniform"][..]),
        ("mlp-dropout", 1_486_352, 1_460_225, &["Dropout", "0.3", "normal:0.02"]),
        ("cgan", 1_511_412, 932_965, &["Embedding(10, 10)", "squared error", "0.5·(real + fake)"]),
        ("mlp-rgb", 51_087_232, 25_297_921, &["new noise", "give --dataset", "128×128 rgb"]),
        ("mlp-batchnorm", 1_510_032, 566_273, &["generator, then discriminator", "dropped"]),
        ("dcgan", 778_305, 138_561, &["view as 128×7×7", "kernel_size=4", "→ 64×14×14"]),
        ("dcgan-rgb", 3_576_704, 2_765_568, &["view as 100×1×1", "bias=False", "64×64 rgb"]),
        ("cdcgan", 841_125, 148_901, &["Embedding(10, 10)", "Conv2d(11, 64"]),
    ] {
        let out = scratch.run(&format!("presets {name}")).prints(words);
        has(&out, &["source", "loss", "updates", "Adam", "batch"]);
        has(&out, &[&format!("generator, {generator} parameters")]);
        has(&out, &[&format!("discriminator, {discriminator} parameters")]);
    }
}

#[test]
fn bench_prints_one_line_of_json() {
    let scratch = Scratch::new();
    // Embedded digits, and synthetic images in colour.
    for (preset, batch, widths) in
        [("cdcgan", 8, ""), ("mlp-rgb", 2, "--g-hidden 64 --d-hidden 64"), ("dcgan-rgb", 2, "")]
    {
        let flags = format!("--preset {preset} --batch-size {batch} {widths} --threads 1");
        let out =
            scratch.run(&format!("bench --warmup 1 --iterations 3 --json {flags}")).succeeds();
        assert_eq!(out.lines().count(), 1, "{out}");
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        assert_eq!(report["preset"], preset);
        assert_eq!(report["batch"], batch);
        let number = |key: &str| report[key].as_f64().unwrap();
        assert!(0.0 < number("p10_ms") && number("p10_ms") <= number("median_ms"), "{out}");
        assert!(number("median_ms") <= number("p90_ms"), "{out}");
        let rate = f64::from(batch) / number("median_ms") * 1e3;
        assert!((number("images_per_second") / rate - 1.0).abs() < 1e-6, "{out}");
        assert_eq!(report["threads"], 1);
        assert!(0.0 < number("adam_bytes") && number("adam_bytes") < number("bytes"), "{out}");
        // Values, gradients and moments are in memory: 16 of the 28 bytes that Adam moves.
        let least = number("adam_bytes") / 28.0 * 16.0;
        assert!(number("peak_bytes") > least, "{out}");
    }
    assert_eq!(scratch.names("."), Vec::<String>::new(), "bench leaves nothing behind");
}

#[test]
fn bench_measures_networks_of_other_widths() {
    let scratch = Scratch::new();
    let work = |flags: &str| {
        let command = format!("bench --batch-size 2 --iterations 1 --warmup 0 --json {flags}");
        let out = scratch.run(&command).succeeds();
        let report: serde_json::Value = serde_json::from_str(&out).unwrap();
        report["flop"].as_u64().unwrap()
    };
    let own = work("");
    for flags in ["--g-hidden 2048", "--d-hidden 2048,512", "--latent-dim 10000"] {
        assert!(work(flags) > own, "{flags}");
    }
}

#[test]
fn bench_prints_a_summary_line() {
    let flags = "--preset mlp --batch-size 4 --iterations 3 --warmup 0";
    Scratch::new().run(&format!("bench {flags}")).prints(&["mlp on CPU", "batch 4"]);
}

#[test]
fn version_is_printed_and_a_missing_command_is_an_error() {
    let scratch = Scratch::new();
    let version = scratch.run("--version").succeeds();
    assert_eq!(version, format!("gan-cuda {}\n", env!("CARGO_PKG_VERSION")));
    let answer = scratch.run("");
    assert!(answer.err.contains("Usage: gan-cuda"), "{answer:?}");
}

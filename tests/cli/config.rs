//! `gan-cuda train --config`.

use std::fs;

use super::scratch::{RUN as FIRST, SECOND, Scratch};

/// A folder with a run whose values are not the defaults.
fn one_run() -> Scratch {
    Scratch::with_run(
        "--epochs 200 --iterations 4 --checkpoint-interval 2 --sample-interval 2 --log-interval 1 --seed 3 \
         --lr 0.001 --latent-dim 7 --dropout 0.2 --keep 5",
    )
}

/// The text of its `config.toml`.
fn text(scratch: &Scratch) -> String {
    scratch.text(&format!("{FIRST}/config.toml"))
}

/// The logged losses of a run.
fn losses(scratch: &Scratch, run: &str) -> Vec<[serde_json::Value; 2]> {
    let text = scratch.text(&format!("{run}/stats.jsonl"));
    let records = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    records.map(|record| ["d_loss", "g_loss"].map(|key| record[key].clone())).collect()
}

#[test]
fn rerun_gives_the_same_bits() {
    let scratch = one_run();
    for file in [FIRST.to_owned(), format!("{FIRST}/config.toml")] {
        scratch.run(&format!("train --config {file}")).succeeds();
        let [first, second] = [FIRST, SECOND].map(|run| scratch.files(run));
        assert!(first.keys().eq(second.keys()), "{:?}", second.keys());
        for (name, bytes) in &first {
            // These contain times.
            if !["state.safetensors", "stats.jsonl"].iter().any(|timed| name.ends_with(timed)) {
                assert!(second[name] == *bytes, "{name}");
            }
        }
        assert_eq!(losses(&scratch, FIRST), losses(&scratch, SECOND));
        fs::remove_dir_all(scratch.path(SECOND)).unwrap();
    }
}

#[test]
fn flags_override_the_file() {
    let scratch = one_run();
    let flags = "--seed 4 --epochs 1 --batch-size 20 --keep 1 --b1 0.1 --preset cgan";
    scratch.run(&format!("train --config {FIRST} {flags}")).succeeds();
    let [first, second] = [FIRST, SECOND].map(|run| scratch.config(run));
    assert_eq!(second["seed"].as_integer(), Some(4));
    assert_eq!(second["epochs"].as_integer(), Some(1));
    assert!(second.get("iterations").is_none(), "--epochs lifts the file's limit");
    assert_eq!(second["gan"]["batch_size"].as_integer(), Some(20));
    assert_eq!(second["gan"]["b1"].as_float(), Some(0.1));
    for key in ["latent_dim", "lr", "generator", "discriminator"] {
        assert_eq!(first["gan"][key], second["gan"][key], "{key}");
    }
    assert_eq!(first["data_dir"], second["data_dir"]);
}

#[test]
fn conflicting_flags_and_missing_files_are_refused() {
    let scratch = one_run();
    let run = format!("train --config {FIRST}");
    scratch.run(&format!("{run} --preset mlp")).fails(2, &["--preset", "cgan"]);
    scratch.run(&format!("{run} --resume")).fails(2, &["--config", "--resume"]);
    scratch.run("train --config nowhere.toml").fails(1, &["cannot read nowhere.toml"]);
    scratch.run("train --config digits").fails(1, &["cannot read digits/config.toml"]);
    assert!(!scratch.path(SECOND).exists());
}

/// Each change of the file and parts of the error message; "line" stands for the changed line's
/// number.
const BROKEN: &[(&str, &str, &[&str])] = &[
    ("seed = 3", "sead = 3", &["line", "sead"]),
    ("latent_dim = 7", "latent_dims = 7", &["latent_dims", "line"]),
    ("seed = 3", "seed = ", &["line"]),
    ("seed = 3", "seed = -3", &["line", "-3"]),
    ("epochs = 200\niterations = 4\n", "", &["epochs is missing", "or iterations"]),
    ("dataset = \"mnist\"", "dataset = \"cifar\"", &["cifar", "line"]),
    ("epochs = 200", "epochs = 0", &["epochs is 0", "1 to 1,000,000"]),
    ("iterations = 4", "iterations = 0", &["iterations is 0", "from 1"]),
    ("sample_interval = 2", "sample_interval = 0", &["line", "from 1, or \"epoch\""]),
    ("sample_grid = \"10x10\"", "sample_grid = \"10\"", &["ROWSxCOLS"]),
    ("log_interval = 1", "log_interval = 0", &["log_interval is 0", "from 1"]),
    ("keep = 5", "keep = 0", &["keep is 0", "1 to 1,000,000"]),
    ("device = \"auto\"", "device = \"tpu\"", &["device", "'auto', 'cpu', 'cuda' or 'cuda:N'"]),
    ("precision = \"f32\"", "precision = \"f16\"", &["precision", "f16", "tf32", "bf16"]),
    ("threads = 1", "threads = 0", &["threads is 0", "1 to 1,024"]),
    ("latent_dim = 7", "latent_dim = 0", &["gan.latent_dim is 0", "1 to 1,000,000"]),
    ("classes = 10", "classes = 0", &["gan.classes is 0", "1 to 10,000"]),
    ("Linear(12, 12)", "Linear(12, 0)", &["out_features", "is 0", "1 to 1,000,000", "line"]),
    ("LeakyReLU(0.2)", "LeakyReLU(2)", &["negative_slope", "is 2", "above 0", "line"]),
    ("Dropout(0.2)", "Dropout(1)", &["p of Dropout(1) is 1", "from 0 to below 1", "line"]),
    ("eps=0.8", "eps=nan", &["eps of BatchNorm1d(12, eps=nan)", "line"]),
    ("loss = \"mse\"", "loss = \"guess\"", &["guess", "line"]),
    ("d_loss_scale = 0.5", "d_loss_scale = 0.0", &["gan.d_loss_scale is 0", "1e-6"]),
    ("init = \"default\"", "init = \"xavier\"", &["xavier", "normal:STD"]),
    ("batch_size = 16", "batch_size = 0", &["gan.batch_size is 0", "1 to 1,000,000"]),
    ("batch_size = 16", "batch_size = 1", &["gan.batch_size is 1", "BatchNorm"]),
    ("lr = 0.001", "lr = -0.001", &["gan.lr is -0.001", "1e-12"]),
    ("b1 = 0.5", "b1 = inf", &["gan.b1 is inf", "below 1"]),
    ("channels = 1", "channels = 2", &["gan.image.channels is 2", "1 (grey) or 3"]),
    ("height = 28", "height = 100000", &["gan.image.height is 100000", "1 to 1,024"]),
    ("width = 28", "width = 29", &["gan.image.width is 29", "square"]),
];

#[test]
fn broken_files_are_named_with_key_value_and_range() {
    let scratch = one_run();
    let good = text(&scratch);
    let before = scratch.files("runs");
    for &(from, to, words) in BROKEN {
        let (before, after) = good.split_once(from).unwrap_or_else(|| panic!("no {from}:\n{good}"));
        scratch.put("mine.toml", [before, to, after].concat());
        let line = format!("line {},", 1 + before.matches('\n').count());
        let words = words.iter().map(|&word| if word == "line" { &line } else { word });
        let words: Vec<_> = ["mine.toml"].into_iter().chain(words).collect();
        scratch.run("train --config mine.toml").fails(1, &words);
    }
    // Layers that fit each other but not the data set.
    let fewer = [
        ("classes = 10", "classes = 5"),
        ("Linear(17, 12)", "Linear(12, 12)"),
        ("Linear(794, 12)", "Linear(789, 12)"),
    ];
    let fewer = fewer.iter().fold(good.clone(), |text, (from, to)| text.replacen(from, to, 1));
    scratch.put("mine.toml", fewer);
    let words = ["mine.toml", "gan.classes is 5", "10, the number of classes in the data set"];
    scratch.run("train --config mine.toml").fails(1, &words);
    scratch.put("mine.toml", [0xff; 9]);
    scratch.run("train --config mine.toml").fails(1, &["cannot read mine.toml"]);
    assert!(scratch.files("runs") == before);
}

#[test]
fn rerun_with_embedded_images_has_the_same_config() {
    let scratch = Scratch::new();
    scratch.run("train --iterations 1 --g-hidden 8 --d-hidden 8").succeeds();
    if scratch.config(FIRST).get("data_dir").is_none() {
        scratch.run(&format!("train --config {FIRST}")).succeeds();
        assert_eq!(scratch.config(FIRST), scratch.config(SECOND));
    }
}

#[test]
fn file_may_have_any_preset_name() {
    let scratch = one_run();
    scratch.put("mine.toml", text(&scratch).replacen("\"cgan\"", "\"mine\"", 1));
    scratch.run("train --config mine.toml").succeeds();
    assert_eq!(scratch.config("runs/00001-mine-mnist")["preset"].as_str(), Some("mine"));
    scratch.run("train --config mine.toml --preset cgan").fails(2, &["--preset", "mine"]);
}

/// Files of older versions have no precision.
#[test]
fn file_without_a_precision_means_f32() {
    let scratch = one_run();
    let (text, line) = (text(&scratch), "precision = \"f32\"\n");
    assert!(text.contains(line), "{text}");
    scratch.put("older.toml", text.replace(line, ""));
    scratch.run("train --config older.toml --dry-run").prints(&[line]);
}

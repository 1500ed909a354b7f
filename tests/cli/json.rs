//! `--json`: one line for scripts, and nothing else on standard output.

use serde_json::{Value, json};

use super::scratch::{RUN, Scratch};

/// Parses the single line that a command printed.
#[track_caller]
fn parsed(out: &str) -> Value {
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(out).unwrap()
}

/// Asserts that an object has these values; it may have more.
#[track_caller]
pub fn has_values(got: &Value, want: &Value) {
    for (key, value) in want.as_object().unwrap() {
        assert_eq!(got[key], *value, "{key} of {got}");
    }
}

#[test]
fn presets_json_has_settings_layers_and_parameters() {
    let scratch = Scratch::new();
    let cgan = parsed(&scratch.run("presets cgan --json").succeeds());
    has_values(&cgan, &json!({"name": "cgan", "dataset": "mnist"}));
    assert_eq!(cgan["settings"]["generator"]["input"], json!(["label", "noise"]));
    assert_eq!(cgan["settings"]["image"], json!({"channels": 1, "height": 28, "width": 28}));
    let generator = &cgan["generator"];
    has_values(generator, &json!({"parameters": 1_511_412, "label_embedding": [10, 10]}));
    assert_eq!(generator["layers"][0], "Linear(110, 128)");
    let block = json!({"inputs": 110, "outputs": 128, "parameters": 14_208});
    assert_eq!(generator["blocks"][0], block);
    for network in ["generator", "discriminator"] {
        let sum = |block: &Value| block["parameters"].as_u64().unwrap();
        let blocks: u64 = cgan[network]["blocks"].as_array().unwrap().iter().map(sum).sum();
        assert_eq!(cgan[network]["parameters"], blocks + 100, "{network}, with its embedding");
    }
    let all = parsed(&scratch.run("presets --json").succeeds());
    let named = |name: &str| all.as_array().unwrap().iter().find(|row| row["name"] == name);
    assert_eq!(named("cgan"), Some(&cgan));
    assert_eq!(named("mlp-rgb").unwrap()["dataset"], Value::Null);
    assert_eq!(all.as_array().unwrap().len(), 11);
    // For convolutions, these are channels.
    let dcgan = named("dcgan").unwrap();
    let block = json!({"inputs": 64, "outputs": 128, "parameters": 131_200});
    assert_eq!(dcgan["discriminator"]["blocks"][1], block);
    let view = &dcgan["settings"]["generator"]["sequences"][1]["view"];
    assert_eq!(*view, json!([128, 7, 7]));
}

#[test]
fn doctor_json_has_search_paths_and_the_choice_of_auto() {
    let scratch = Scratch::new();
    let report = parsed(&scratch.run("doctor --json").ends_with(3));
    let searched = scratch.path("no-libraries").display().to_string();
    for library in ["driver", "cublas", "nvrtc", "nccl"] {
        assert_eq!(report[library], json!({"searched": [searched]}), "{library}");
    }
    let version = env!("CARGO_PKG_VERSION");
    has_values(&report, &json!({"version": version, "devices": [], "auto": "cpu"}));
    assert!(report["problem"].as_str().unwrap().contains("no NVIDIA driver"), "{report}");
    let compiled = !report["kernels"]["compiled_by"].is_null();
    assert_eq!(!report["kernels"]["targets"].as_array().unwrap().is_empty(), compiled);
}

#[test]
fn doctor_json_lists_devices() {
    let scratch = Scratch::new();
    let knobs = [("GAN_CUDA_EMULATOR_DEVICES", "2")];
    let Some(answer) = super::cuda::emulated(&scratch, "doctor --json", &knobs) else { return };
    let report = parsed(&answer.succeeds());
    has_values(&report, &json!({"auto": "cuda:0", "problem": null}));
    let devices = report["devices"].as_array().unwrap();
    assert_eq!(devices.len(), 2);
    assert_eq!(devices[1]["device"], "cuda:1");
    let [memory, free] = ["memory", "free"].map(|key| devices[1][key].as_u64().unwrap());
    assert!(memory >= free && free > 0, "{report}");
    assert!(devices[0]["precisions"].as_array().unwrap().contains(&json!("f32")), "{report}");
    let old = [("GAN_CUDA_EMULATOR_CAPABILITY", "6.1")];
    let answer = super::cuda::emulated(&scratch, "doctor --json", &old).unwrap();
    let report = parsed(&answer.ends_with(3));
    assert!(report["devices"][0]["problem"].as_str().unwrap().contains("6.1"), "{report}");
}

#[test]
fn sample_json_describes_images_and_files() {
    let scratch = Scratch::with_run("--iterations 2 --seed 9");
    let flags = "--labels 7,3 --count 4 --device cpu";
    let drawn = parsed(&scratch.run(&format!("sample --json {flags}")).succeeds());
    let checkpoint = format!("{RUN}/checkpoint-000002");
    has_values(&drawn, &json!({"checkpoint": checkpoint, "preset": "cgan", "count": 4}));
    has_values(&drawn, &json!({"seeds": [9], "labels": [7, 7, 3, 3], "files": ["sample.png"]}));
    assert!(drawn["device"].as_str().unwrap().starts_with("CPU"), "{drawn}");
    let both = "sample --interpolate 1:2 --steps 3 --labels 5 --separate each --out way.png --json";
    let drawn = parsed(&scratch.run(both).succeeds());
    assert_eq!(drawn["seeds"], json!([1, 2]));
    let files = drawn["files"].as_array().unwrap();
    assert_eq!(files.len(), 4);
    assert!(files.iter().all(|file| scratch.path(file.as_str().unwrap()).is_file()), "{drawn}");
    scratch.run("sample --json --labels 10").fails(2, &["--labels"]);
    assert_eq!(scratch.run("sample --json --labels 10").out, "");
    scratch.run("sample --json -q").fails(2, &["--json", "--quiet"]);
}

#[test]
fn errors_go_to_standard_error_with_json_too() {
    let scratch = Scratch::new();
    for (command, code) in [
        ("presets biggan --json", 2),
        ("sample --json", 1),
        ("runs --json", 1),
        ("bench --json --preset mlp --batch-size 4000000000000", 2),
    ] {
        let answer = scratch.run(command);
        assert_eq!(answer.out, "", "{command}");
        answer.fails(code, &[]);
    }
}

//! Exported weights.

use std::fs;

use super::{CHECKPOINT, RUN, trained};
use crate::scratch::{SECOND, has};

#[test]
fn exported_weights_initialize_another_run() {
    let scratch = trained("");
    scratch.run("export --safetensors weights.safetensors").succeeds();
    scratch.train("--iterations 1 --init-generator weights.safetensors").succeeds();
    let first_grid = scratch.bytes(&format!("{SECOND}/samples/000000.png"));
    assert!(first_grid == scratch.bytes(&format!("{RUN}/samples/000004.png")), "another generator");
}

#[test]
fn run_checkpoint_and_newest_run_give_the_same_files() {
    let scratch = trained("");
    for (i, path) in ["", RUN, CHECKPOINT, "--runs-dir runs"].into_iter().enumerate() {
        let files = format!("--onnx {i}.onnx --safetensors {i}.safetensors");
        scratch.run(&format!("export {path} {files}")).succeeds();
        for extension in ["onnx", "safetensors"] {
            let [first, this] = [0, i].map(|i| fs::read(scratch.path(&format!("{i}.{extension}"))));
            assert!(this.unwrap() == first.unwrap(), "{path}: {extension}");
        }
    }
}

#[test]
fn existing_files_are_replaced_and_nothing_else_is_touched() {
    let scratch = trained("");
    fs::create_dir(scratch.path("out")).unwrap();
    let names = ["a.ONNX", "a.html", "a.safetensors", "a.npy", "a-labels.npy"];
    let bytes = |name: &str| fs::read(scratch.path("out").join(name)).unwrap();
    let export = "export --onnx out/a.ONNX --html out/a.html --safetensors out/a.safetensors \
                  --numpy out/a.npy";
    scratch.run(export).succeeds();
    let fresh = names.map(bytes);
    for name in names {
        fs::write(scratch.path("out").join(name), vec![b'x'; 1 << 20]).unwrap();
    }
    let run = scratch.files(RUN);
    scratch.run(export).succeeds();
    assert!(names.map(bytes) == fresh);
    assert_eq!(scratch.names("out").len(), names.len());
    assert!(scratch.files(RUN) == run, "the run has changed");
}

#[test]
fn written_files_are_printed_unless_quiet() {
    let scratch = trained("");
    let all = "export --onnx a.onnx --safetensors a.safetensors --numpy a.npy";
    let out = scratch.run(all).prints(&["preset cgan", CHECKPOINT, "CPU, ", "100, seed 0"]);
    has(&out, &["wrote     a.onnx, ", "wrote     a.safetensors, "]);
    has(&out, &["wrote     a.npy, 306.38 KiB", "wrote     a-labels.npy, 928 B"]);
    let out = scratch.run("export --onnx a.onnx").succeeds();
    assert!(!out.contains("device") && !out.contains("images"), "{out}");
    assert_eq!(scratch.run(&format!("{all} -q")).succeeds(), "");
}

#[test]
fn json_is_one_line_that_lists_the_files() {
    let scratch = trained("");
    let out = scratch.run("export --json --onnx a.onnx --numpy a.npy --count 3").succeeds();
    assert_eq!(out.lines().count(), 1, "{out}");
    let report: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!((&report["preset"], &report["iteration"]), (&"cgan".into(), &4.into()));
    assert_eq!(report["checkpoint"], CHECKPOINT);
    let files = report["files"].as_array().unwrap();
    let kinds: Vec<_> = files.iter().map(|file| file["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["images", "labels", "onnx"]);
    for file in files {
        let path = scratch.path(file["path"].as_str().unwrap());
        assert_eq!(file["bytes"], fs::metadata(path).unwrap().len());
    }
}

#[test]
fn files_of_a_checkpoint_are_never_overwritten() {
    let scratch = trained("");
    let before = scratch.files(RUN);
    for (flag, file) in [
        ("--safetensors", "generator.safetensors"),
        ("--safetensors", "mine.safetensors"),
        ("--html", "mine.html"),
    ] {
        let command = format!("export {flag} {CHECKPOINT}/{file}");
        scratch.run(&command).fails(2, &[flag, file, "inside a checkpoint"]);
    }
    assert!(scratch.files(RUN) == before);
    for _ in 0..2 {
        scratch.run("export --safetensors generator.safetensors").succeeds();
    }
}

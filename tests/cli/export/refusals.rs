//! What is refused, and in which words; nothing is left behind then.

use std::fs;

use super::{CHECKPOINT, RUN, trained};
use crate::scratch::Scratch;

#[test]
fn at_least_one_file_must_be_named() {
    Scratch::new().run("export").fails(2, &["required", "--onnx", "--safetensors", "--numpy"]);
}

#[test]
fn flags_about_images_are_refused_without_numpy() {
    let scratch = Scratch::new();
    let flags =
        ["--count 3", "--seed 3", "--labels 3", "--bn batch", "--device cpu", "--threads 2"];
    for flag in flags {
        scratch.run(&format!("export --onnx a.onnx {flag}")).fails(2, &["--numpy", "required"]);
    }
    let both = "somewhere --runs-dir runs --onnx a.onnx";
    scratch.run(&format!("export {both}")).fails(2, &["CHECKPOINT", "--runs-dir"]);
    scratch.run("export --numpy a.npy --seed -1").fails(2, &["invalid value", "--seed"]);
    scratch.run("export --numpy a.npy --count 0").fails(2, &["--count", "1 to 100,000"]);
}

#[test]
fn flags_that_the_checkpoint_cannot_honour_are_refused_by_name() {
    for (preset, flags, words) in [
        ("cgan", "--labels 10", ["--labels", "no class 10"]),
        ("cgan", "--bn batch --count 1", ["--bn", "2 to 4,096"]),
        ("mlp", "--labels 0", ["--labels", "mlp has no classes"]),
        ("mlp", "--bn running", ["--bn", "mlp has no BatchNorm"]),
    ] {
        let scratch = trained(&format!("--preset {preset}"));
        let command = format!("export --onnx a.onnx --numpy a.npy {flags}");
        scratch.run(&command).fails(2, &words);
        assert_eq!(scratch.left(), ["digits", "runs"], "{flags}");
    }
}

#[test]
fn places_that_cannot_be_written_to_are_named_before_anything_is_written() {
    let scratch = trained("");
    for folder in ["a.onnx", "a.npy", "b-labels.npy"] {
        fs::create_dir(scratch.path(folder)).unwrap();
    }
    let before = scratch.left();
    for (flags, code, words) in [
        ("--onnx a.pb", 2, ["--onnx", "a.pb", ".onnx"]),
        ("--onnx onnx", 2, ["--onnx", "end the name", ".onnx"]),
        ("--onnx b.safetensors", 2, ["--onnx", "b.safetensors", ".onnx"]),
        ("--safetensors b.pt", 2, ["--safetensors", "b.pt", ".safetensors"]),
        ("--numpy b.npz", 2, ["--numpy", "b.npz", ".npy"]),
        ("--numpy .npy", 2, ["--numpy", "", ".npy"]),
        ("--onnx missing/b.onnx", 1, ["cannot write", "missing/b.onnx", "No such file"]),
        ("--onnx a.onnx", 1, ["cannot write", "a.onnx", "directory"]),
        ("--numpy a.npy --onnx b.onnx", 1, ["cannot write", "a.npy", "directory"]),
        ("--onnx b.onnx --numpy b.npy", 1, ["cannot write", "b-labels.npy", "directory"]),
        ("--onnx b.onnx --safetensors no/b.safetensors", 1, ["cannot write", "no/b", "No such"]),
        (
            "--onnx b.onnx --numpy b2.npy --device cuda",
            1,
            ["cuda:0", "no NVIDIA driver", "libcuda"],
        ),
    ] {
        scratch.run(&format!("export {flags}")).fails(code, &words);
        assert_eq!(scratch.left(), before, "{flags}");
    }
}

#[test]
fn files_of_a_checkpoint_are_never_written_over() {
    let scratch = trained("");
    let before = scratch.files(RUN);
    for file in ["generator.safetensors", "mine.safetensors"] {
        let command = format!("export --safetensors {CHECKPOINT}/{file}");
        scratch.run(&command).fails(2, &["--safetensors", file, "in a checkpoint"]);
    }
    assert!(scratch.files(RUN) == before);
    for _ in 0..2 {
        scratch.run("export --safetensors generator.safetensors").succeeds();
    }
}

#[test]
fn what_is_no_whole_checkpoint_is_named() {
    let scratch = trained("");
    let export = |place: &str| scratch.run(&format!("export {place} --onnx a.onnx"));
    export("nowhere").fails(1, &["no such run or checkpoint: nowhere"]);
    export("digits").fails(1, &["digits is not a run folder", "a checkpoint folder"]);
    let file = format!("{CHECKPOINT}/generator.safetensors");
    export(&file).fails(1, &["generator.safetensors is not", "a file"]);
    let mut bytes = fs::read(scratch.path(&file)).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(scratch.path(&file), bytes).unwrap();
    export("").fails(1, &["generator.safetensors is damaged"]);
    fs::remove_dir_all(scratch.path(CHECKPOINT)).unwrap();
    export("").fails(1, &["no complete checkpoint", RUN]);
    assert_eq!(scratch.left(), ["digits", "runs"]);
    Scratch::new().run("export --onnx a.onnx").fails(1, &["no runs in runs"]);
}

impl Scratch {
    /// The names of what lies in the folder itself.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

//! Errors of the commands that read a run; they write nothing.

use std::fs;

use super::scratch::{RUN, Scratch};

/// A command, its exit code, and parts of the error message.
type Row<'a> = (&'a str, i32, &'a [&'a str]);

impl Scratch {
    /// The names of the files and folders in the scratch folder itself.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path("")).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[track_caller]
    fn refuses(&self, rows: &[Row<'_>]) {
        let left = || (self.left(), self.names("."));
        let before = left();
        for (command, code, words) in rows {
            self.run(command).fails(*code, words);
            assert_eq!(left(), before, "{command}");
        }
    }
}

#[test]
fn invalid_values_are_refused_with_flag_value_and_range() {
    Scratch::new().refuses(&[
        ("sample --count=0", 2, &["--count", "'0'", "from 1 to 100,000"]),
        ("sample --count=100001", 2, &["--count", "'100001'", "from 1 to 100,000"]),
        ("sample --count=-1", 2, &["--count", "'-1'", "from 1 to 100,000"]),
        ("sample --count -3", 2, &["invalid value", "--count", "-3"]),
        ("sample --seed=one", 2, &["--seed", "one", "a whole number from 0"]),
        ("sample --seed -1", 2, &["invalid value", "--seed", "-1"]),
        ("sample --grid=8", 2, &["--grid", "8", "ROWSxCOLS"]),
        ("sample --grid=0x8", 2, &["--grid", "0x8", "ROWSxCOLS"]),
        ("sample --grid=1000x1000", 2, &["--grid", "1000x1000", "100,000"]),
        ("sample --bn=frozen", 2, &["--bn", "frozen", "running, batch"]),
        ("sample --interpolate=1", 2, &["--interpolate", "'1'", "e.g. 1:2"]),
        ("sample --interpolate=1:b", 2, &["--interpolate", "1:b", "e.g. 1:2"]),
        ("sample --interpolate -1:2", 2, &["invalid value", "--interpolate", "-1:2"]),
        ("sample --interpolate 1:2 --steps=1", 2, &["--steps", "'1'", "2 to 1,000"]),
        ("sample --interpolate 1:2 --steps=1001", 2, &["--steps", "1001", "2 to 1,000"]),
        ("sample --interpolate 1:2 --fps 51", 2, &["--fps", "1 to 50"]),
        ("sample --device=tpu", 2, &["--device", "tpu", "'auto', 'cpu', 'cuda' or 'cuda:N'"]),
        ("sample --threads=0", 2, &["--threads", "'0'", "1 to"]),
        ("sample --interpolate 1:2 --count 3", 2, &["--interpolate", "--count"]),
        ("sample --interpolate 1:2 --seed 3", 2, &["--interpolate", "--seed"]),
        ("sample --interpolate 1:2 --grid 3x3", 2, &["--interpolate", "--grid"]),
        ("sample --steps 3", 2, &["--interpolate", "required"]),
        ("sample --frames steps", 2, &["--frames", "--interpolate"]),
        ("sample --fps 5", 2, &["--fps", "--interpolate"]),
        ("sample somewhere --runs-dir runs", 2, &["CHECKPOINT", "--runs-dir"]),
        ("export", 2, &["required", "--onnx", "--html", "--safetensors", "--numpy"]),
        ("export --onnx a.onnx --count 3", 2, &["--numpy", "required"]),
        ("export --onnx a.onnx --seed 3", 2, &["--numpy", "required"]),
        ("export --onnx a.onnx --labels 3", 2, &["--numpy", "required"]),
        ("export --onnx a.onnx --bn batch", 2, &["--numpy", "required"]),
        ("export --onnx a.onnx --device cpu", 2, &["--numpy", "required"]),
        ("export --onnx a.onnx --threads 2", 2, &["--numpy", "required"]),
        ("export somewhere --runs-dir runs --onnx a.onnx", 2, &["CHECKPOINT", "--runs-dir"]),
        ("export --numpy a.npy --seed -1", 2, &["invalid value", "--seed"]),
        ("export --numpy a.npy --count 0", 2, &["--count", "1 to 100,000"]),
        ("graph cgan --batch-size 0", 2, &["--batch-size", "1 to 1,000,000"]),
        ("graph cgan --g-hidden 8,", 2, &["--g-hidden"]),
    ]);
}

#[test]
fn flags_that_do_not_apply_to_the_checkpoint_are_refused_by_name() {
    let export = "export --onnx a.onnx --numpy a.npy";
    let scratch = Scratch::with_run("--iterations 1");
    scratch.refuses(&[
        ("sample --labels 10", 2, &["--labels", "unknown class \"10\"", "0 to 9"]),
        (
            "sample --labels 3,5-4294967295",
            2,
            &["--labels", "unknown class \"5-4294967295\"", "0 to 9"],
        ),
        ("sample --labels 9-0", 2, &["--labels", "descending range 9-0", "0 to 9"]),
        ("sample --labels 7,", 2, &["--labels", "unknown class \"\"", "0 to 9"]),
        ("sample --labels cat", 2, &["--labels", "unknown class \"cat\"", "class numbers"]),
        ("sample --count 7 --grid 2x3", 2, &["--count", "7", "2x3"]),
        ("sample --bn batch --count 1", 2, &["--bn", "2 to 4,096", "--count"]),
        ("sample --bn batch --count 4097", 2, &["--bn", "2 to 4,096", "4097"]),
        (&format!("{export} --labels 10"), 2, &["--labels", "unknown class \"10\""]),
        (&format!("{export} --bn batch --count 1"), 2, &["--bn", "2 to 4,096"]),
        (&format!("graph {RUN} --g-hidden 8"), 2, &["--g-hidden", RUN, "omit the flag"]),
        (&format!("graph {RUN} --batch-size 8"), 2, &["--batch-size", RUN]),
    ]);
    Scratch::with_run("--iterations 1 --preset mlp").refuses(&[
        ("sample --labels 0", 2, &["--labels", "mlp has no classes"]),
        ("sample --bn batch", 2, &["--bn", "mlp has no BatchNorm"]),
        ("sample --bn running", 2, &["--bn", "mlp has no BatchNorm"]),
        (&format!("{export} --labels 0"), 2, &["--labels", "mlp has no classes"]),
        (&format!("{export} --bn running"), 2, &["--bn", "mlp has no BatchNorm"]),
    ]);
}

#[test]
fn unwritable_paths_are_named_before_anything_is_written() {
    let scratch = Scratch::with_run("--iterations 1");
    for folder in ["a.onnx", "a.npy", "b-labels.npy", "a.png", "a.svg", "full"] {
        fs::create_dir(scratch.path(folder)).unwrap();
    }
    scratch.put("full/mine", "");
    scratch.put("file", "");
    let interpolate = "sample --interpolate 1:2";
    scratch.refuses(&[
        ("sample --out a.jpg", 2, &["--out", "a.jpg", ".png"]),
        ("sample --out png", 2, &["--out", "png", ".png"]),
        ("sample --out missing/a.png", 1, &["cannot write", "missing/a.png", "No such file"]),
        ("sample --out a.png", 1, &["cannot write", "a.png", "directory"]),
        ("sample --separate file", 1, &["cannot list", "file", "Not a directory"]),
        ("sample --separate full", 1, &["full", "not empty", "new or empty folder"]),
        ("sample --out way.gif", 2, &["--out", "way.gif", "--interpolate"]),
        (&format!("{interpolate} --out way.mp4"), 2, &["way.mp4 is neither PNG nor GIF"]),
        (&format!("{interpolate} --frames full"), 1, &["full is not empty"]),
        (&format!("{interpolate} --separate both --frames ./both/"), 2, &["both"]),
        (&format!("{interpolate} --frames both --out both/000001.png"), 2, &["both"]),
        ("sample --separate both --out ./both/000001.png", 2, &["--out", "both"]),
        (&format!("{interpolate} --separate both --frames full"), 1, &["not empty"]),
        ("export --onnx a.pb", 2, &["--onnx", "a.pb", ".onnx"]),
        ("export --onnx onnx", 2, &["--onnx", "wrong extension", ".onnx"]),
        ("export --onnx b.safetensors", 2, &["--onnx", "b.safetensors", ".onnx"]),
        ("export --html b.htm", 2, &["--html", "b.htm", ".html"]),
        ("export --html missing/b.html", 1, &["cannot write", "missing/b.html", "No such file"]),
        ("export --safetensors b.pt", 2, &["--safetensors", "b.pt", ".safetensors"]),
        ("export --numpy b.npz", 2, &["--numpy", "b.npz", ".npy"]),
        ("export --numpy .npy", 2, &["--numpy", ".npy"]),
        ("export --onnx missing/b.onnx", 1, &["cannot write", "missing/b.onnx", "No such file"]),
        ("export --onnx a.onnx", 1, &["cannot write", "a.onnx", "directory"]),
        ("export --numpy a.npy --onnx b.onnx", 1, &["cannot write", "a.npy", "directory"]),
        ("export --onnx b.onnx --numpy b.npy", 1, &["cannot write", "b-labels.npy", "directory"]),
        (
            "export --onnx b.onnx --safetensors no/b.safetensors",
            1,
            &["cannot write", "no/b", "No such"],
        ),
        (
            "export --onnx b.onnx --numpy b2.npy --device cuda",
            1,
            &["cuda:0", "no NVIDIA driver", "libcuda"],
        ),
        ("graph cgan --out a.png", 2, &["--out", "a.png", ".svg", ".dot"]),
        ("graph cgan --out svg", 2, &["--out", "svg", ".dot"]),
        ("graph cgan --out missing/a.svg", 1, &["missing", "No such file"]),
        ("graph cgan --out a.svg", 1, &["a.svg"]),
        ("graph nothing", 1, &["nothing", "mlp-batchnorm", "runs/"]),
        ("graph digits", 1, &["digits is not a run folder"]),
        (
            "graph digits/train-labels-idx1-ubyte",
            1,
            &["train-labels", "is not a valid GAN configuration"],
        ),
        ("replay --out movie.mp4", 2, &["--out", "movie.mp4 is not a GIF"]),
        ("replay --fps 0", 2, &["--fps"]),
        ("replay nowhere", 1, &["nowhere"]),
    ]);
}

#[test]
fn too_large_a_picture_is_refused_and_separate_files_are_not() {
    Scratch::with_run("--iterations 1 --image-size 64 --latent-dim 5 --g-hidden 3").refuses(&[
        ("sample --count 100000", 2, &["--out", "660002", "--separate"]),
        ("sample --count 100000 --separate apart --out a.png", 2, &["--out"]),
    ]);
}

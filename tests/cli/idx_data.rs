//! Training on data sets in IDX files other than MNIST's own.

use std::fs;

use super::idx::{gzip, idx};
use super::scratch::{Scratch, has};

const TINY: &str = "--g-hidden 8 --d-hidden 8 --iterations 2 --batch-size 4 --threads 1";
const LETTERS: &str = "emnist-letters-train-images-idx3-ubyte.gz";
const LETTER_LABELS: &str = "emnist-letters-train-labels-idx1-ubyte.gz";

/// Eight images of 4×4.
fn images() -> Vec<u8> {
    idx(&[8, 4, 4], &(0..128).collect::<Vec<u8>>())
}

/// Letters of four classes.
fn labels() -> Vec<u8> {
    idx(&[8], &[1, 2, 25, 26, 1, 2, 25, 26])
}

/// Labels as in QMNIST: the first column is the class.
fn table() -> Vec<u8> {
    let rows = (0..8_i32).flat_map(|row| [row % 5, 900, 7, row, 0, 0, 0, 0]);
    let bytes: Vec<u8> = rows.flat_map(i32::to_be_bytes).collect();
    let mut file = vec![0, 0, 12, 2];
    file.extend([8_u32, 8].iter().flat_map(|extent| extent.to_be_bytes()));
    file.extend(bytes);
    file
}

fn scene(files: &[(&str, Vec<u8>)]) -> Scratch {
    let scratch = Scratch::new();
    for (name, bytes) in files {
        fs::create_dir_all(scratch.path(name).parent().unwrap()).unwrap();
        scratch.put(name, bytes);
    }
    scratch
}

fn letters() -> Scratch {
    scene(&[
        (&format!("emnist/{LETTERS}"), gzip(&images())),
        (&format!("emnist/{LETTER_LABELS}"), gzip(&labels())),
    ])
}

fn train(flags: &str) -> String {
    format!("train --image-size 4 {TINY} {flags}")
}

#[test]
fn letters_train_with_as_many_classes_as_they_have_labels_and_resume() {
    let scratch = letters();
    scratch
        .run(&train("--dataset emnist"))
        .prints(&["emnist: 8 images of 4×4 grey, 4 classes (1, 2, 25, 26), from "]);
    let run = "runs/00000-cgan-emnist";
    assert_eq!(scratch.config(run)["gan"]["classes"].as_integer(), Some(4));
    scratch.run("train --resume --iterations 3").prints(&["from iteration 2"]);
    scratch.run(&format!("sample {run} -q")).succeeds();
    scratch.run(&format!("export {run} --onnx g.onnx")).succeeds();
    let out = scratch.run(&train("--dataset emnist --dry-run")).succeeds();
    scratch.put("mine.toml", out);
    scratch.run("train --config mine.toml -q").succeeds();
    scratch.put(&format!("emnist/{LETTER_LABELS}"), idx(&[8], &[1, 2, 3, 4, 5, 1, 1, 1]));
    scratch.run("train --config mine.toml").fails(1, &["gan.classes is 4", "must be 5"]);
    scratch.run("train --resume --iterations 9").fails(1, &["error: "]);
}

#[test]
fn data_dir_accepts_files_of_emnist() {
    let scratch = letters();
    let words = ["mnist: 8 images of 4×4 grey, 4 classes (1, 2, 25, 26), from "];
    scratch.run(&train("--data-dir emnist")).prints(&words);
    scratch.run("train --resume --iterations 3 -q").succeeds();
    scratch.run(&train("--dataset fashion-mnist --data-dir emnist -q")).succeeds();
}

#[test]
fn presets_without_classes_ignore_labels() {
    let scratch = letters();
    let file = format!("emnist/{LETTER_LABELS}");
    let flags = "--preset mlp-dropout --dataset emnist -q";
    scratch.put(&file, "no labels");
    scratch.run(&train(flags)).succeeds();
    fs::remove_file(scratch.path(&file)).unwrap();
    scratch.run(&train(flags)).succeeds();
    scratch.run(&train("--preset mlp-dropout --data-dir emnist -q")).succeeds();
    let words = ["no label file next to it", LETTER_LABELS, "preset without classes"];
    scratch.run(&train("--dataset emnist")).fails(1, &words);
    scratch.run(&train("--data-dir emnist")).fails(1, &words);
}

#[test]
fn qmnists_labels_and_torchvisions_folders_are_read() {
    let scratch = scene(&[
        ("root/QMNIST/raw/qmnist-train-images-idx3-ubyte.gz", gzip(&images())),
        ("root/QMNIST/raw/qmnist-train-labels-idx2-int.gz", gzip(&table())),
    ]);
    scratch.run(&train("--dataset root")).prints(&["root: 8 images of 4×4 grey, 5 classes, from "]);
}

#[test]
fn one_of_several_training_sets_must_be_named() {
    let balanced = "emnist-balanced-train-images-idx3-ubyte.gz";
    let scratch = scene(&[
        (&format!("emnist/gzip/{LETTERS}"), gzip(&images())),
        (&format!("emnist/gzip/{LETTER_LABELS}"), gzip(&labels())),
        (&format!("emnist/gzip/{balanced}"), gzip(&images())),
    ]);
    let words = ["several training sets", LETTERS, balanced, "--dataset "];
    scratch.run(&train("--dataset emnist")).fails(1, &words);
    scratch
        .run(&train(&format!("--dataset emnist/gzip/{LETTERS}")))
        .prints(&["emnist-letters: 8 images", "00000-cgan-emnist-letters"]);
    scratch.run("train --resume --iterations 3 -q").succeeds();
}

#[test]
fn test_set_without_training_set_is_named() {
    for name in ["t10k-images-idx3-ubyte", "emnist-letters-test-images-idx3-ubyte.gz"] {
        let scratch = scene(&[(&format!("data/{name}"), images())]);
        for flags in ["--dataset data", "--data-dir data"] {
            scratch.run(&train(flags)).fails(1, &["no training set", "test set", name]);
        }
    }
}

#[test]
fn folders_named_like_idx_files_are_searched() {
    let name = "train-images-idx3-ubyte";
    let scratch = scene(&[
        (&format!("cache/gan-cuda/mnist/{name}/{name}"), images()),
        ("cache/gan-cuda/mnist/train-labels.idx1-ubyte", labels()),
    ]);
    fs::create_dir(scratch.path("cache/gan-cuda/mnist/train-labels-idx1-ubyte")).unwrap();
    scratch.run(&train("")).prints(&["mnist: 8 images of 4×4 grey, 4 classes"]);
}

#[test]
fn idx_files_take_precedence_over_images_in_the_same_folder() {
    let scratch = letters();
    scratch.put("emnist/preview.png", "no picture");
    scratch.run(&train("--dataset emnist")).prints(&["emnist: 8 images of 4×4 grey, 4 classes"]);
}

#[test]
fn label_file_without_idx_images_is_ignored() {
    let scratch = super::folder::scene();
    scratch.put("photos/train-labels-idx1-ubyte", labels());
    let flags = "--preset mlp --image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 --threads 1";
    let train = format!("train {flags} --iterations 1 --dataset photos");
    has(&scratch.run(&train).out, &["12 images of 8×8 grey"]);
}

#[test]
fn emnist_files_are_used_for_mnist_only_with_data_dir() {
    let scratch = letters();
    let cache = scratch.path("cache/gan-cuda");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::rename(scratch.path("emnist"), cache.join("mnist")).unwrap();
    scratch.run("train --dry-run").prints(&["10,000 images of 28×28 grey, 10 classes, embedded"]);
}

#[test]
fn data_in_other_file_formats_is_refused_with_advice() {
    for (name, what) in [
        ("mnist_train.csv", "is a text table"),
        ("mnist.npz", "is a NumPy array"),
        ("emnist-letters.mat", "is a MATLAB file"),
        ("training.pt", "is a PyTorch"),
        ("archive.zip", "is an archive; only folders of images and IDX files"),
        ("train.parquet", "is a Parquet"),
    ] {
        let scratch = scene(&[(&format!("data/{name}"), vec![0; 8])]);
        scratch.run(&train("--dataset data")).fails(1, &[name, what, "; "]);
        scratch.run(&train("--data-dir data")).fails(1, &[name, what]);
        scratch.run(&train(&format!("--dataset data/{name}"))).fails(2, &[name, what]);
    }
}

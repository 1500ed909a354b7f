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

/// Letters of four kinds.
fn labels() -> Vec<u8> {
    idx(&[8], &[1, 2, 25, 26, 1, 2, 25, 26])
}

/// QMNIST's labels, of which the first column is the class.
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
        .says(&["emnist: 8 images of 4×4 grey, 4 classes (1, 2, 25, 26), from "]);
    let run = "runs/00000-cgan-emnist";
    assert_eq!(scratch.config(run)["gan"]["classes"].as_integer(), Some(4));
    scratch.run("train --resume --iterations 3").says(&["from iteration 2"]);
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
fn letters_are_found_under_mnists_name_too() {
    let scratch = letters();
    let words = ["mnist: 8 images of 4×4 grey, 4 classes (1, 2, 25, 26), from "];
    scratch.run(&train("--data-dir emnist")).says(&words);
    scratch.run("train --resume --iterations 3 -q").succeeds();
    scratch.run(&train("--dataset fashion-mnist --data-dir emnist -q")).succeeds();
}

#[test]
fn presets_without_classes_look_at_no_labels() {
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
    scratch.run(&train("--dataset root")).says(&["root: 8 images of 4×4 grey, 5 classes, from "]);
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
        .says(&["emnist-letters: 8 images", "00000-cgan-emnist-letters"]);
    scratch.run("train --resume --iterations 3 -q").succeeds();
}

#[test]
fn a_test_set_alone_is_called_one() {
    for name in ["t10k-images-idx3-ubyte", "emnist-letters-test-images-idx3-ubyte.gz"] {
        let scratch = scene(&[(&format!("data/{name}"), images())]);
        for flags in ["--dataset data", "--data-dir data"] {
            scratch.run(&train(flags)).fails(1, &["no training set", "test set", name]);
        }
    }
}

#[test]
fn an_archives_folders_in_the_place_of_files_are_looked_into() {
    let name = "train-images-idx3-ubyte";
    let scratch = scene(&[
        (&format!("cache/gan-cuda/mnist/{name}/{name}"), images()),
        ("cache/gan-cuda/mnist/train-labels.idx1-ubyte", labels()),
    ]);
    fs::create_dir(scratch.path("cache/gan-cuda/mnist/train-labels-idx1-ubyte")).unwrap();
    scratch.run(&train("")).says(&["mnist: 8 images of 4×4 grey, 4 classes"]);
}

#[test]
fn idx_files_come_before_images_in_the_same_folder() {
    let scratch = letters();
    scratch.put("emnist/preview.png", "no picture");
    scratch.run(&train("--dataset emnist")).says(&["emnist: 8 images of 4×4 grey, 4 classes"]);
}

#[test]
fn a_lone_label_file_beside_images_is_no_data_set() {
    let scratch = super::folder::scene();
    scratch.put("photos/train-labels-idx1-ubyte", labels());
    let flags = "--preset mlp --image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 --threads 1";
    let train = format!("train {flags} --iterations 1 --dataset photos");
    has(&scratch.run(&train).out, &["12 images of 8×8 grey"]);
}

#[test]
fn a_set_of_another_name_is_mnist_only_where_its_folder_is_named() {
    let scratch = letters();
    let cache = scratch.path("cache/gan-cuda");
    std::fs::create_dir_all(&cache).unwrap();
    std::fs::rename(scratch.path("emnist"), cache.join("mnist")).unwrap();
    scratch.run("train --dry-run").says(&["10,000 images of 28×28 grey, 10 classes, embedded"]);
}

#[test]
fn other_containers_are_named_with_what_to_do() {
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

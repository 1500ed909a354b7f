//! What goes wrong outside the program: data, devices, names.

use std::fs;

use super::scratch::{Scratch, idx};

/// Fails, names the file or folder, leaves nothing behind.
#[track_caller]
fn train_fails(scratch: &Scratch, words: &[&str]) {
    scratch.train("--iterations 1").fails(1, words);
    assert!(!scratch.path("runs").exists(), "a run that never began");
}

#[test]
fn missing_data_folder_is_named() {
    let scratch = Scratch::new();
    train_fails(&scratch, &["digits", "train-images-idx3-ubyte", "--data-dir"]);
    fs::create_dir(scratch.path("digits")).unwrap();
    train_fails(&scratch, &["digits", "train-images-idx3-ubyte", "--data-dir"]);
}

#[test]
fn missing_label_file_is_named() {
    let scratch = Scratch::with_digits();
    fs::remove_file(scratch.path("digits/train-labels-idx1-ubyte")).unwrap();
    train_fails(&scratch, &["digits/train-images-idx3-ubyte", "train-labels-idx1-ubyte"]);
}

#[test]
fn damaged_gzip_is_named() {
    let scratch = Scratch::with_digits();
    let whole = fs::read("data/mnist/train-10k-images-idx3-ubyte.gz").unwrap();
    let path = scratch.path("digits/train-images-idx3-ubyte.gz");
    fs::remove_file(scratch.images()).unwrap();
    fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    train_fails(&scratch, &["digits/train-images-idx3-ubyte.gz", "cut off"]);
    let mut wrong_sum = whole.clone();
    let sum = whole.len() - 8;
    wrong_sum[sum] ^= 1;
    fs::write(&path, wrong_sum).unwrap();
    train_fails(&scratch, &["digits/train-images-idx3-ubyte.gz", "checksum"]);
}

#[test]
fn wrong_idx_files_are_named_with_what_is_wrong() {
    let scratch = Scratch::with_digits();
    let labels = scratch.path("digits/train-labels-idx1-ubyte");
    let good = [scratch.images(), labels.clone()].map(|path| fs::read(path).unwrap());
    for (path, bytes, words) in [
        (
            scratch.images(),
            good[1].clone(),
            &["train-images-idx3-ubyte", "magic", "0x00000801"][..],
        ),
        (labels.clone(), good[0].clone(), &["train-labels-idx1-ubyte", "magic", "0x00000803"]),
        (scratch.images(), idx(&[40, 28, 29], &good[0][16..]), &["train-images", "too short"]),
        (scratch.images(), idx(&[39, 28, 28], &good[0][16..]), &["train-images", "too long"]),
        (labels.clone(), idx(&[39], &[1; 39]), &["train-labels", "39 labels", "40 images"]),
        (labels.clone(), idx(&[40], &[10; 40]), &["train-labels", "label 10", "0 to 9"]),
        (labels.clone(), Vec::new(), &["train-labels", "cut off"]),
    ] {
        fs::write(&path, bytes).unwrap();
        train_fails(&scratch, words);
        fs::write(scratch.images(), &good[0]).unwrap();
        fs::write(&labels, &good[1]).unwrap();
    }
    scratch.train("--iterations 1").succeeds();
}

#[test]
fn too_few_images_for_a_batch_are_an_error() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-batchnorm --batch-size 41 --data-dir digits";
    scratch.run(&format!("train {flags}")).fails(1, &["40 images", "41", "--batch-size"]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn impossible_run_names_and_folders_are_refused() {
    let scratch = Scratch::with_digits();
    for name in ["a/b", ".."] {
        scratch
            .train(&format!("--iterations 1 --name {name}"))
            .fails(2, &["--name", "run name", name]);
    }
    fs::write(scratch.path("file"), "").unwrap();
    scratch.train("--iterations 1 --runs-dir file/runs").fails(1, &["cannot create", "file/runs"]);
}

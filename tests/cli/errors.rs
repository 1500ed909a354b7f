//! Errors of data, names and folders. Errors inside of a data set are in `tests/data.rs`.

use std::fs;

use super::scratch::{Scratch, idx};

/// Training fails with these words and leaves no files.
#[track_caller]
fn train_fails(scratch: &Scratch, words: &[&str]) {
    scratch.train("--iterations 1").fails(1, words);
    assert!(!scratch.path("runs").exists(), "a run that never began");
}

#[test]
fn missing_or_damaged_data_is_named() {
    let scratch = Scratch::new();
    let words = ["digits", "train-images-idx3-ubyte", "--data-dir"];
    train_fails(&scratch, &words);
    fs::create_dir(scratch.path("digits")).unwrap();
    train_fails(&scratch, &words);
    let scratch = Scratch::with_digits();
    scratch.put("digits/train-labels-idx1-ubyte", idx(&[39], &[1; 39]));
    train_fails(&scratch, &["digits/train-labels", "39 labels", "40 images"]);
    fs::remove_file(scratch.path("digits/train-labels-idx1-ubyte")).unwrap();
    train_fails(&scratch, &["digits/train-images-idx3-ubyte", "train-labels-idx1-ubyte"]);
}

#[test]
fn too_few_images_for_a_batch_are_an_error() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-batchnorm --batch-size 41 --data-dir digits";
    scratch.run(&format!("train {flags}")).fails(1, &["40 images", "41", "--batch-size"]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn invalid_run_names_and_folders_are_refused() {
    let scratch = Scratch::with_digits();
    for name in ["a/b", "..", ""] {
        let typed = ["train".to_owned(), format!("--name={name}")];
        scratch.run_words(&typed).fails(2, &["--name", "run name", name]);
    }
    scratch.put("file", "");
    scratch.train("--iterations 1 --runs-dir file/runs").fails(1, &["cannot create", "file/runs"]);
}

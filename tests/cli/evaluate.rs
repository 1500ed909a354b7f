//! `evaluate`: scores as a table and as JSON, and invalid arguments.

use std::fs;

use serde_json::Value;

use super::folder::flat_scene;
use super::png;
use super::scratch::{RUN, Scratch, has};

const FEW: &str = "--count 60 --threads 1";
const CLASSES: &str = "--image-size 28 --channels 1 --g-hidden 8 --d-hidden 8 --batch-size 8 \
                       --threads 1 --iterations 2 --dataset photos";

fn json(scratch: &Scratch, arguments: &str) -> Value {
    let out = scratch.run(&format!("evaluate --json {arguments}")).succeeds();
    assert_eq!(out.lines().count(), 1, "{out}");
    assert!(out.starts_with("{\"generator\":{\""), "{out}");
    serde_json::from_str(&out).unwrap()
}

/// A folder `photos` with `each` grey images of two classes: horizontal and vertical stripes.
fn stripes(scratch: &Scratch, each: u32) {
    for class in ["lying", "standing"] {
        fs::create_dir_all(scratch.path("photos").join(class)).unwrap();
        for i in 0..each {
            let at = |x: u32, y: u32| if class == "lying" { y } else { x };
            let pixel = |x, y| if (at(x, y) + i) % 8 < 4 { 200 + i as u8 } else { 3 * i as u8 };
            scratch.put(&format!("photos/{class}/{i:02}.png"), png::grey(28, 28, pixel));
        }
    }
}

#[test]
fn scores_are_a_table_of_three_rows() {
    let scratch = Scratch::with_run("--iterations 3");
    let out = scratch.run(&format!("evaluate {FEW}")).succeeds();
    has(
        &out,
        &[
            "preset cgan",
            "checkpoint-000003",
            "images    60, seed 0",
            "reference 10,000 images: the test images of mnist",
            "classifier error on held-out images: 0.",
            "fidelity (95 %)",
            "KID",
            "coverage",
            "rarest class",
            "\nmissing   nearest: it needs the pixels of the test images",
            "t10k-images-idx3-ubyte.gz",
            "gan-cuda fetch mnist",
        ],
    );
    for row in ["generator", "real", "noise"] {
        let lines: Vec<_> = out.lines().filter(|line| line.starts_with(row)).collect();
        assert_eq!(lines.len(), 3, "{out}");
        assert!(lines.iter().all(|line| line.chars().count() <= 80), "{out}");
    }
}

#[test]
fn json_has_the_rows_in_plain_numbers_and_the_same_bits_each_time() {
    let scratch = Scratch::with_run("--iterations 3");
    let first = json(&scratch, FEW);
    let names = [
        "class_fidelity",
        "class_fidelity_low",
        "class_fidelity_high",
        "fcd",
        "kid",
        "kid_error",
        "precision",
        "recall",
        "density",
        "coverage",
        "histogram_kl",
        "rarest_class",
        "rarest_share",
        "ndb",
    ];
    for row in ["generator", "real", "noise"] {
        for name in names {
            assert!(first[row][name].is_number(), "{row} {name}: {first}");
        }
    }
    assert!(first["real"]["fcd"].as_f64() < first["noise"]["fcd"].as_f64());
    assert!(first["missing"][0].as_str().unwrap().starts_with("nearest"));
    assert_eq!(first, json(&scratch, "--count 60 --threads 2"));
    assert_eq!(first, json(&scratch, &format!("{RUN}/checkpoint-000003 --seed 0 {FEW}")));
    assert_ne!(first["generator"], json(&scratch, &format!("--seed 1 {FEW}"))["generator"]);
}

#[test]
fn scores_of_training_are_those_of_the_checkpoint() {
    let scratch = Scratch::with_run("--iterations 3 --evaluate-interval 3");
    let stats = scratch.text(&format!("{RUN}/stats.jsonl"));
    let line = stats.lines().find(|line| line.contains("\"scores\"")).unwrap();
    let trained = &serde_json::from_str::<Value>(line).unwrap()["scores"];
    let evaluated = json(&scratch, "--threads 2");
    for name in ["class_fidelity", "fcd", "kid", "kid_error"] {
        assert_eq!(trained[name], evaluated["generator"][name], "{name}");
    }
}

#[test]
fn test_images_on_the_machine_give_the_nearest_neighbour_ratio() {
    let scratch = Scratch::with_run("--iterations 3");
    for part in ["images-idx3", "labels-idx1"] {
        let [from, to] =
            ["train", "t10k"].map(|set| scratch.path(&format!("digits/{set}-{part}-ubyte")));
        fs::copy(from, to).unwrap();
    }
    // They must differ from the training images.
    let name = "digits/t10k-images-idx3-ubyte";
    let mut images = scratch.bytes(name);
    images[16..].iter_mut().for_each(|byte| *byte ^= 8);
    scratch.put(name, images);
    let found = json(&scratch, FEW);
    assert_eq!(found["missing"].as_array().unwrap().len(), 0, "{found}");
    assert_eq!(found["real"]["nearest_neighbour_ratio"], 1.0);
    assert!(found["noise"]["nearest_neighbour_ratio"].as_f64().unwrap() > 1.0);
    let found = json(&scratch, "--reference train --count 30 --threads 1");
    assert_eq!(found["reference"], "train");
    assert_eq!(found["reference_count"], 30);
}

#[test]
fn classifier_of_a_folder_is_trained_and_cached() {
    let scratch = Scratch::new();
    stripes(&scratch, 16);
    scratch.run(&format!("train {CLASSES}")).succeeds();
    let found = json(&scratch, FEW);
    assert!(found["classifier_error"].as_f64().unwrap() < 0.2, "{found}");
    assert!(
        found["generator"]["class_fidelity"].is_number() && found["generator"]["fcd"].is_number()
    );
    assert!(found["generator"]["nearest_neighbour_ratio"].is_number());
    let kept: Vec<_> =
        scratch.names("").into_iter().filter(|name| name.contains("classifiers/")).collect();
    assert_eq!(kept.len(), 1, "{kept:?}");
    assert_eq!(found, json(&scratch, FEW), "from the cache");
    // A damaged classifier is trained again.
    let mut broken = scratch.bytes(&kept[0]);
    let middle = broken.len() / 2;
    broken[middle] ^= 1;
    scratch.put(&kept[0], broken);
    assert_eq!(found, json(&scratch, FEW));
    // It also scores a generator without classes.
    scratch.run(&format!("train --preset mlp {CLASSES}")).succeeds();
    let found = json(&scratch, FEW);
    assert!(
        found["generator"]["fcd"].is_number() && found["generator"]["class_fidelity"].is_null()
    );
    assert_eq!(found["real"]["rarest_share"].as_f64().map(|share| share > 0.2), Some(true));
    let only = json(&scratch, &format!("runs/00000-cgan-photos --labels standing {FEW}"));
    assert_eq!(only["labels"], serde_json::json!([1]));
    assert_eq!(only["generator"]["rarest_class"], 1, "of those that were asked for");
    assert_eq!(
        only["real_count"].as_u64().unwrap() + only["reference_count"].as_u64().unwrap(),
        16
    );
    assert!((6..12).contains(&only["reference_count"].as_u64().unwrap()), "{only}");
}

/// For example, sub-folders that are the parts of a download.
#[test]
fn indistinguishable_classes_give_a_warning() {
    let scratch = Scratch::new();
    stripes(&scratch, 8);
    for part in ["part-2", "part-3", "part-4"] {
        fs::create_dir(scratch.path("photos").join(part)).unwrap();
        for i in 0..8 {
            let [from, to] = ["lying", part].map(|class| format!("photos/{class}/{i:02}.png"));
            fs::copy(scratch.path(&from), scratch.path(&to)).unwrap();
        }
    }
    fs::remove_dir_all(scratch.path("photos/standing")).unwrap();
    let warning = "of the held-out images, so class fidelity and FCD are not meaningful";
    let train = scratch.run(&format!("train {CLASSES} --evaluate-interval 2"));
    has(&train.err, &["warning: the classifier misclassifies ", warning]);
    let answer = scratch.run(&format!("evaluate --json {FEW}"));
    has(&answer.err, &["warning: the classifier misclassifies ", warning]);
    let quiet = scratch.run(&format!("train {CLASSES} --evaluate-interval 2 --quiet"));
    assert!(quiet.succeeds().is_empty());
}

#[test]
fn folder_without_classes_is_compared_by_pixels() {
    let scratch = flat_scene();
    let flags = "--preset mlp-rgb --image-size 20 --g-hidden 8 --d-hidden 8 --batch-size 4 \
                 --threads 1 --iterations 1 --dataset photos";
    scratch.run(&format!("train {flags}")).succeeds();
    let found = json(&scratch, FEW);
    assert!(found["generator"]["fcd"].is_null() && found["generator"]["kid"].is_number());
    assert!(found["generator"]["nearest_neighbour_ratio"].is_number());
    let missing = found["missing"].as_array().unwrap();
    let says = |word: &str| missing.iter().any(|line| line.as_str().unwrap().contains(word));
    assert!(says("16×16") && says("too few images for bins"), "{found}");
    let out = scratch.run(&format!("evaluate {FEW}")).succeeds();
    has(&out, &["missing   fidelity, FCD, KL, rarest: they need a classifier"]);
    assert!(!out.contains("fidelity (95 %)") && !out.contains("rarest class"));
}

#[test]
fn reference_may_be_another_folder_with_images_of_the_same_size() {
    let scratch = Scratch::with_run("--iterations 2");
    stripes(&scratch, 10);
    let found = json(&scratch, &format!("--reference photos {FEW}"));
    assert_eq!((&found["reference_count"], &found["reference"]), (&20.into(), &"photos".into()));
    let refused = |arguments: &str, code, words: &[&str]| {
        scratch.run(&format!("evaluate {arguments} {FEW}")).fails(code, words);
    };
    refused("--reference nowhere", 2, &["--reference", "nowhere"]);
    fs::create_dir(scratch.path("one")).unwrap();
    fs::copy(scratch.path("photos/lying/00.png"), scratch.path("one/0.png")).unwrap();
    refused("--reference one", 1, &["the reference images: 1 image is too few", "6"]);
    scratch.put("one/0.png", png::grey(32, 30, |_, _| 0));
    refused("--reference one", 1, &["one/0.png", "30×32 pixels", "must be 28×28"]);
}

#[test]
fn invalid_arguments_of_evaluate_are_refused() {
    let scratch = Scratch::with_run("--iterations 2");
    let refused = |arguments: &str, code, words: &[&str]| {
        scratch.run(&format!("evaluate {arguments}")).fails(code, words);
    };
    refused("--count 1", 2, &["--count", "10 to 100,000"]);
    refused("--count 60 --bn batch --seed -1", 2, &["--seed"]);
    refused("--skip-bad-images", 2, &["--skip-bad-images", "mnist", "omit it"]);
    refused("--labels 11", 2, &["--labels", "11"]);
    refused("nowhere", 1, &["nowhere"]);
    scratch
        .run(
            "train --preset mlp --data-dir digits --g-hidden 8 --d-hidden 8 --batch-size 16 \
                 --iterations 1 --threads 1",
        )
        .succeeds();
    refused("--labels 1", 2, &["--labels", "no classes"]);
    fs::rename(scratch.path("digits"), scratch.path("gone")).unwrap();
    refused(RUN, 1, &["digits"]);
}

#[test]
fn missing_folder_is_named_and_can_be_given_anew() {
    let scratch = Scratch::new();
    stripes(&scratch, 8);
    scratch.run(&format!("train {CLASSES}")).succeeds();
    fs::rename(scratch.path("photos"), scratch.path("gone")).unwrap();
    scratch.run("evaluate").fails(1, &["photos", "does not exist", "--dataset"]);
    let there = json(&scratch, &format!("--dataset gone {FEW}"));
    scratch.run("evaluate --data-dir gone").fails(2, &["--data-dir", "--dataset gives"]);
    fs::create_dir(scratch.path("gone/c")).unwrap();
    fs::copy(scratch.path("gone/lying/00.png"), scratch.path("gone/c/00.png")).unwrap();
    scratch.run("evaluate --dataset gone").fails(2, &["--dataset has 3 classes", "has 2"]);
    fs::remove_dir_all(scratch.path("gone/c")).unwrap();
    fs::rename(scratch.path("gone"), scratch.path("photos")).unwrap();
    assert_eq!(json(&scratch, FEW)["generator"], there["generator"]);
    fs::rename(scratch.path("photos"), scratch.path("gone")).unwrap();
    // Other images in its place give a warning.
    stripes(&scratch, 9);
    let answer = scratch.run(&format!("evaluate {FEW}"));
    has(&answer.err, &["warning: the images from ", "differ from the training images of the run"]);
}

#[test]
fn generator_flag_replaces_the_weights_of_the_checkpoint() {
    let scratch = Scratch::with_run("--iterations 2");
    scratch.run("train --resume --iterations 5").succeeds();
    let weights = format!("{RUN}/checkpoint-000005/generator.safetensors");
    let older = format!("{RUN}/checkpoint-000002");
    let newest = json(&scratch, FEW);
    let found = json(&scratch, &format!("{older} --generator {weights} {FEW}"));
    assert_eq!(found["generator"], newest["generator"]);
    assert!(found["weights"].as_str().unwrap().ends_with("generator.safetensors"));
    scratch
        .run(&format!("sample {older} --generator {weights} --out a.png"))
        .prints(&["weights   "]);
    scratch.run("sample --out b.png").succeeds();
    assert_eq!(scratch.bytes("a.png"), scratch.bytes("b.png"));
    let other = format!("{RUN}/checkpoint-000005/discriminator.safetensors");
    scratch
        .run(&format!("evaluate {older} --generator {other}"))
        .fails(1, &["discriminator.safetensors"]);
}

#[test]
fn real_images_of_a_large_folder_cover_all_classes() {
    let scratch = Scratch::new();
    stripes(&scratch, 30);
    scratch.run(&format!("train {CLASSES}")).succeeds();
    let found = json(&scratch, "--count 10 --threads 1");
    assert_eq!(found["real_count"], 10);
    assert!(found["real"]["rarest_share"].as_f64().unwrap() > 0.2, "{found}");
}

#[test]
fn nearest_neighbour_ratio_is_missing_if_test_images_are_copies() {
    let scratch = Scratch::with_run("--iterations 3");
    for part in ["images-idx3", "labels-idx1"] {
        let [from, to] =
            ["train", "t10k"].map(|set| scratch.path(&format!("digits/{set}-{part}-ubyte")));
        fs::copy(from, to).unwrap();
    }
    // The test images equal the training images, so their distance is 0.
    let found = json(&scratch, FEW);
    assert!(found["generator"]["nearest_neighbour_ratio"].is_null());
    assert!(found["missing"][0].as_str().unwrap().contains("copies of each other"));
}

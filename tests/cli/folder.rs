//! Training on a folder of images.

use std::fs;
use std::path::Path;

use super::png;
use super::scratch::{Scratch, has};

/// Flags for a fast run on colour images.
const RGB: &str = "--preset mlp-rgb --image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 \
                   --threads 1 --dataset";
/// The same with classes.
const CLASSES: &str =
    "--image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 --threads 1 --dataset";

pub fn picture(seed: u32) -> Vec<u8> {
    png::rgb(20, 16, |x, y| [(9 * x) as u8, (5 * y) as u8, (20 * seed) as u8])
}

/// A folder `photos` with 4 images each of cats, dogs and fish.
pub fn scene() -> Scratch {
    let scratch = Scratch::new();
    for (class, name) in ["cats", "dogs", "fish"].iter().enumerate() {
        fs::create_dir_all(scratch.path("photos").join(name)).unwrap();
        for index in 0..4 {
            let path = scratch.path(&format!("photos/{name}/{index}.png"));
            fs::write(path, picture(4 * class as u32 + index)).unwrap();
        }
    }
    scratch
}

/// A folder `photos` with 12 images, without classes.
pub fn flat_scene() -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("photos")).unwrap();
    (0..12).for_each(|i| scratch.put(&format!("photos/{i}.png"), picture(i)));
    scratch
}

#[test]
fn colour_preset_trains_on_a_folder_and_resumes() {
    let scratch = scene();
    scratch.run(&format!("train {RGB} photos --iterations 4")).prints(&[
        "reading the images in ",
        "photos: 12 images of 8×8 rgb, from /",
        "mlp-rgb-photos",
    ]);
    let run = "runs/00000-mlp-rgb-photos";
    let config = scratch.config(run);
    let folder = fs::canonicalize(scratch.path("photos")).unwrap();
    let noted = config["dataset"].as_str().unwrap();
    assert_eq!(fs::canonicalize(noted).unwrap(), folder);
    assert!(std::path::Path::new(noted).is_absolute() && config.get("skip_bad_images").is_none());
    scratch.run("train --resume --iterations 6 --dataset photos/").prints(&["from iteration 4"]);
    assert_eq!(scratch.checkpoints(run), ["checkpoint-000004", "checkpoint-000006"]);
    assert_eq!(scratch.run("train --resume --iterations 7 -q").succeeds(), "");
}

#[test]
fn second_run_reads_the_images_from_the_cache() {
    let scratch = scene();
    let train = format!("train {RGB} photos --iterations 1 -q");
    // Files that changed a moment ago are not cached.
    std::thread::sleep(std::time::Duration::from_millis(50));
    for decoded in [12, 0] {
        let log = [("RUST_LOG", Path::new("gan_cuda::data=debug"))];
        let err = scratch.run_with(&train, &log).warns();
        assert!(err.contains(&format!("decoded={decoded} ")), "{err}");
    }
    assert_eq!(scratch.names("cache/gan-cuda/folders").len(), 1);
    let reals =
        [0, 1].map(|run| scratch.bytes(&format!("runs/0000{run}-mlp-rgb-photos/reals.png")));
    assert_eq!(reals[0], reals[1]);
}

#[test]
fn runs_and_samples_inside_the_data_folder_are_ignored() {
    let scratch = scene();
    let train = format!("train {CLASSES} photos --runs-dir photos/runs --iterations 2");
    for _ in 0..2 {
        let out = scratch.run(&train).out;
        has(&out, &["12 images of 8×8 grey, 3 classes (cats, dogs, fish), from ", "done: "]);
        let run = "photos/runs/00000-cgan-photos";
        scratch.run(&format!("sample {run} --out photos/sample.png -q")).succeeds();
        scratch.run(&format!("sample {run} --out photos/fish/sample.png -q")).succeeds();
    }
    let answer = scratch.run("train --resume --runs-dir photos/runs --iterations 4");
    let err = answer.warns();
    assert!(err.contains("skipped 2 of 14 images, written by gan-cuda itself"), "{err}");
}

#[test]
fn class_names_are_kept_in_checkpoints_and_exports() {
    let scratch = scene();
    scratch.run(&format!("train {CLASSES} photos --iterations 2 -q")).succeeds();
    let run = "runs/00000-cgan-photos";
    let names = r#"["cats","dogs","fish"]"#;
    let config = scratch.config(run);
    assert_eq!(config["class_names"].as_array().unwrap()[1].as_str(), Some("dogs"));
    let generator = format!("{run}/checkpoint-000002/generator.safetensors");
    let holds = |file: &str| {
        // Either plain or as JSON inside of JSON.
        let text = String::from_utf8_lossy(&scratch.bytes(file)).replace('\\', "");
        assert!(text.contains(names), "{file}");
    };
    holds(&generator);
    scratch.run("export --onnx g.onnx --safetensors g.safetensors -q").succeeds();
    ["g.onnx", "g.safetensors"].into_iter().for_each(holds);
    for command in ["runs --json", "sample --json --labels fish"] {
        assert!(scratch.run(command).succeeds().contains(names), "{command}");
    }
    scratch.run("sample --labels fish,cats").prints(&["classes   fish, cats\n"]);
    let by_name = scratch.bytes("sample.png");
    scratch.run("sample --labels 2,0 -q").succeeds();
    assert_eq!(scratch.bytes("sample.png"), by_name);
    let words = ["--labels", "\"birds\"", "cats, dogs, fish"];
    scratch.run("sample --labels birds").fails(2, &words);
    scratch.run("train --resume --iterations 4 -q").succeeds();
    assert_eq!(scratch.config(run)["class_names"], config["class_names"]);
}

#[test]
fn runs_without_class_names_keep_their_class_order() {
    let scratch = Scratch::new();
    for class in 0..11 {
        fs::create_dir_all(scratch.path(&format!("numbers/{class}"))).unwrap();
        scratch.put(&format!("numbers/{class}/0.png"), picture(class));
    }
    let flags = format!("train {CLASSES} numbers --iterations 2");
    let order = |run: &str| scratch.config(run)["class_names"].to_string();
    scratch.run(&format!("{flags} -q")).succeeds();
    assert!(order("runs/00000-cgan-numbers").contains(r#""1", "2", "3""#));
    let text = scratch.text("runs/00000-cgan-numbers/config.toml");
    let (before, rest) = text.split_once("class_names = [").unwrap();
    let (_, after) = rest.split_once("]\n").unwrap();
    let older = r#"["0", "1", "10", "2", "3", "4", "5", "6", "7", "8", "9"]"#;
    scratch.put("older.toml", format!("{before}class_names = {older}\n{after}"));
    scratch.run("train --config older.toml -q").succeeds();
    let run = "runs/00001-cgan-numbers";
    assert_eq!(order(run), older);
    let written = scratch.text(&format!("{run}/config.toml"));
    let start = written.find("class_names").unwrap();
    let end = start + written[start..].find("]\n").unwrap() + 2;
    scratch.put(&format!("{run}/config.toml"), format!("{}{}", &written[..start], &written[end..]));
    scratch.run("train --resume --iterations 4 -q").succeeds();
    assert_eq!(order(run), older);
    scratch.put("short.toml", text.replace(r#""10","#, ""));
    scratch.run("train --config short.toml").fails(1, &["short.toml", "class_names", "11 names"]);
}

#[test]
fn unsuitable_data_gives_warnings_before_training() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("dull")).unwrap();
    let grey = |level| png::rgb(9, 9, |_, _| [level; 3]);
    let train = |preset: &str| {
        let sizes = "--image-size 8 --batch-size 4 --iterations 1 --threads 1 -v";
        scratch.run(&format!("train --preset {preset} {sizes} --dataset dull"))
    };
    scratch.put("dull/0.png", grey(9));
    let answer = train("mlp");
    has(&answer.out, &["batch size 4\n          only 1 image, fewer than the batch size"]);
    has(&answer.warns(), &["no image has any contrast"]);
    // A smaller batch would not help.
    let err = train("mlp-batchnorm").err;
    assert!(err.contains("BatchNorm needs two: add images"), "{err}");
    assert!(!err.contains("--batch-size"), "{err}");
    (1..8).for_each(|i| scratch.put(&format!("dull/{i}.png"), grey(9)));
    assert!(train("mlp").warns().contains("all 8 images are identical"));
}

#[test]
fn dry_run_prints_a_config_toml_and_leaves_nothing_in_the_cache() {
    let scratch = scene();
    let out = scratch.run(&format!("train {CLASSES} photos --iterations 2 --dry-run")).succeeds();
    assert!(!scratch.path("cache/gan-cuda").exists() && !scratch.path("runs").exists());
    scratch.put("mine.toml", out);
    scratch.run("train --config mine.toml -q").succeeds();
    fs::create_dir(scratch.path("photos/birds")).unwrap();
    scratch.put("photos/birds/0.png", picture(9));
    let words = ["mine.toml", "gan.classes is 3", "must be 4"];
    scratch.run("train --config mine.toml").fails(1, &words);
}

#[test]
fn sub_folders_are_the_classes_of_a_conditional_gan() {
    let scratch = scene();
    scratch
        .run(&format!("train {CLASSES} photos --iterations 4"))
        .prints(&["12 images of 8×8 grey, 3 classes (cats, dogs, fish), from "]);
    let run = "runs/00000-cgan-photos";
    assert_eq!(scratch.config(run)["gan"]["classes"].as_integer(), Some(3));
    scratch.run("train --resume --iterations 6 -q").succeeds();
}

#[test]
fn changed_folder_is_refused_on_resume() {
    let scratch = scene();
    scratch.run(&format!("train {CLASSES} photos --iterations 2 -q")).succeeds();
    let resume = "train --resume --iterations 4";
    scratch.put("photos/fish/9.png", picture(77));
    scratch.run(resume).fails(1, &["photos", "not those that the run was started with"]);
    fs::remove_file(scratch.path("photos/fish/9.png")).unwrap();
    fs::rename(scratch.path("photos/fish"), scratch.path("fish")).unwrap();
    scratch.run(resume).fails(1, &["the classes in ", "photos", "missing: fish; new: none"]);
    fs::rename(scratch.path("fish"), scratch.path("photos/fish")).unwrap();
    fs::rename(scratch.path("photos"), scratch.path("elsewhere")).unwrap();
    scratch.run(resume).fails(1, &["photos does not exist; restore it", "--dataset"]);
    scratch.run(&format!("{resume} --data-dir elsewhere")).fails(2, &["--data-dir"]);
    scratch.run(&format!("{resume} --dataset elsewhere")).prints(&["elsewhere: 12 images"]);
    scratch.run("train --resume --iterations 6").prints(&["elsewhere: 12 images"]);
    // An unreadable additional image.
    fs::rename(scratch.path("elsewhere"), scratch.path("photos")).unwrap();
    scratch.put("photos/fish/9.png", "not a picture");
    let moved = "train --resume --iterations 8 --dataset photos";
    scratch.run(moved).fails(1, &["photos/fish/9.png"]);
    assert!(scratch.run(&format!("{moved} --skip-bad-images")).warns().contains("9.png"));
}

#[test]
fn unreadable_image_is_an_error_or_a_warning() {
    let scratch = scene();
    scratch.put("photos/dogs/bad.jpg", "not a picture");
    let train = format!("train {RGB} photos --iterations 2");
    let words = ["cannot use image /", "photos/dogs/bad.jpg", "--skip-bad-images", "not a PNG"];
    scratch.run(&train).fails(1, &words);
    assert!(!scratch.path("runs").exists());
    for command in [format!("{train} --skip-bad-images"), "train --resume --iterations 4".into()] {
        let answer = scratch.run(&command);
        let warning = "warning: skipped 1 of 13 images, which cannot be read: dogs/bad.jpg\n";
        assert_eq!(answer.err, warning, "{answer:#?}");
        assert!(answer.out.contains("12 images"), "{answer:#?}");
    }
    let config = scratch.config("runs/00000-mlp-rgb-photos");
    assert_eq!(config["skip_bad_images"].as_bool(), Some(true));
}

#[test]
fn unsuitable_folders_are_refused_with_advice() {
    let scratch = scene();
    fs::create_dir(scratch.path("empty")).unwrap();
    scratch.put("empty/notes.txt", "x");
    let flags = format!("train {CLASSES}");
    scratch
        .run(&format!("{flags} empty"))
        .fails(1, &["no images in /", "empty", ".png", "--dataset"]);
    let words = ["photos/cats has no sub-folders", "mlp-dropout"];
    scratch.run(&format!("{flags} photos/cats")).fails(1, &words);
    scratch.put("photos/loose.png", picture(0));
    scratch.run(&format!("{flags} photos")).fails(1, &["1 image in ", "photos", "loose.png"]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn invalid_dataset_is_a_usage_error() {
    let scratch = scene();
    for (given, words) in [
        ("photo", &["'photo'", "--dataset", "mnist, fashion-mnist", "a folder"][..]),
        ("photos/cats/0.png", &["0.png", "is a file"]),
        ("MNIST", &["'MNIST'", "mnist, fashion-mnist"]),
    ] {
        scratch.run(&format!("train --dataset {given}")).fails(2, words);
    }
    scratch.run("train --preset mlp-rgb").fails(2, &["mlp-rgb", "--dataset DIR"]);
    let flags = format!("train {RGB} photos --data-dir photos");
    scratch.run(&flags).fails(2, &["--data-dir", "omit it"]);
    let words = ["--skip-bad-images", "mnist", "omit it"];
    scratch.run("train --dataset mnist --skip-bad-images").fails(2, &words);
    assert!(!scratch.path("runs").exists());
}

//! `gan-cuda train --resume --branch`, and checkpoints outside of run folders.

use std::fs;

use gan_cuda::formats::tensor_file::TensorFile;

use super::scratch::{RUN as FIRST, SECOND, Scratch, has};

/// A folder with a finished run of four iterations and a checkpoint after each.
fn one_run() -> Scratch {
    Scratch::with_run("--iterations 4 --checkpoint-interval 1 --keep 9 --log-interval 1")
}

/// The files of both networks of a checkpoint.
fn weights(scratch: &Scratch, folder: &str) -> [Vec<u8>; 2] {
    ["generator", "discriminator"]
        .map(|role| scratch.bytes(&format!("{folder}/{role}.safetensors")))
}

#[test]
fn branch_without_changes_equals_the_resumed_run() {
    let scratch = one_run();
    scratch.run(&format!("train --resume {FIRST}/checkpoint-000002 --branch")).succeeds();
    let [first, second] = [FIRST, SECOND].map(|run| format!("{run}/checkpoint-000004"));
    assert!(weights(&scratch, &first) == weights(&scratch, &second), "other weights");
    assert_eq!(scratch.logged(SECOND), [3, 4]);
}

#[test]
fn branch_is_a_new_run_that_stores_its_origin() {
    let scratch = one_run();
    let before = scratch.files(FIRST);
    let flags = "--lr 0.01 --b1 0.3 --loss bce-logits --d-loss-scale 2 --order d-first --seed 9 \
                 --batch-size 10 --latent uniform --iterations 8 --name other";
    let words = ["runs/00001-other, from iteration 3", "4 per epoch", "checkpoint-000003", "stays"];
    let branch = format!("train --resume {FIRST}/checkpoint-000003 --branch {flags}");
    scratch.run(&format!("{branch} --dry-run")).prints(&words[1..]);
    scratch.run(&branch).prints(&[&words[..], &["done: 8 iterations"]].concat());
    assert!(scratch.files(FIRST) == before, "the run that it is from was touched");
    let run = "runs/00001-other";
    let config = scratch.config(run);
    let from = fs::canonicalize(scratch.path(FIRST)).unwrap().join("checkpoint-000003");
    assert_eq!(config["branched_from"].as_str(), from.to_str());
    assert_eq!(config["gan"]["lr"].as_float(), Some(0.01));
    assert_eq!(scratch.logged(run), [4, 5, 6, 7, 8]);
    let starts = [FIRST, run].map(|run| format!("{run}/checkpoint-000003"));
    assert!(weights(&scratch, &starts[0]) == weights(&scratch, &starts[1]), "other weights");
    assert!(scratch.path(run).join("samples/000003.png").is_file());
    // It works without the other run, like any run.
    fs::remove_dir_all(scratch.path(FIRST)).unwrap();
    scratch.run("train --resume --iterations 10").prints(&["00001-other, from iteration 8"]);
    scratch.run("runs").prints(&["00001-other  finished       10/10"]);
    scratch.run("sample").succeeds();
    scratch.run("replay").succeeds();
    scratch.run(&format!("train --config {run} --dry-run --lr 0.5")).succeeds();
}

#[test]
fn num_batches_tracked_counts_the_generators_passes() {
    let scratch = one_run();
    scratch.run("train --resume --branch --fakes fresh --iterations 6").succeeds();
    let path = scratch.path(&format!("{SECOND}/checkpoint-000006/generator.safetensors"));
    let file = TensorFile::open(&path).unwrap();
    let key =
        file.tensors().iter().find(|tensor| tensor.name.ends_with("batches_tracked")).unwrap();
    // One in each of the first four iterations, and two in each that generates fakes twice.
    assert_eq!(file.get::<i64>(&key.name, &[]).unwrap(), [4 + 2 * 2]);
}

#[test]
fn branch_may_use_other_images() {
    let scratch = one_run();
    let mut bytes = scratch.bytes("digits/train-images-idx3-ubyte");
    bytes[1000] ^= 1;
    fs::create_dir(scratch.path("more")).unwrap();
    scratch.put("more/train-images-idx3-ubyte", bytes);
    fs::copy(
        scratch.path("digits/train-labels-idx1-ubyte"),
        scratch.path("more/train-labels-idx1-ubyte"),
    )
    .unwrap();
    let resume = "train --resume --iterations 6 --data-dir more";
    scratch.run(resume).fails(1, &["not those that the run was started with", "--branch"]);
    assert!(!scratch.path(SECOND).exists());
    scratch.run(&format!("{resume} --branch")).succeeds();
    scratch.run("train --resume --iterations 7").prints(&[SECOND]);
    assert!(scratch.config(SECOND)["data_dir"].as_str().unwrap().ends_with("/more"));
}

#[test]
fn branch_may_use_the_same_number_of_other_classes() {
    let scratch = super::folder::scene();
    let flags = "--image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 --threads 1";
    scratch.run(&format!("train {flags} --iterations 2 -q --dataset photos")).succeeds();
    std::fs::rename(scratch.path("photos/fish"), scratch.path("photos/owls")).unwrap();
    let resume = "train --resume --iterations 4 -q";
    scratch.run(resume).fails(1, &["missing: fish; new: owls", "start a new run"]);
    scratch.run(&format!("{resume} --branch --dataset photos")).succeeds();
    let names = scratch.config("runs/00001-cgan-photos")["class_names"].to_string();
    assert_eq!(names, r#"["cats", "dogs", "owls"]"#);
    scratch.run("runs --json").prints(&["\"branched_from\":\"/"]);
    scratch.run("runs").prints(&["branched from /"]);
}

#[test]
fn class_names_stay_with_their_images() {
    let scratch = Scratch::with_digits();
    let run = "runs/00000-cgan-fashion-mnist";
    scratch.train("--dataset fashion-mnist --iterations 1 -q").succeeds();
    std::fs::rename(scratch.path("digits"), scratch.path("moved")).unwrap();
    scratch.run("train --resume --iterations 2 -q --dataset moved").succeeds();
    assert_eq!(scratch.config(run)["class_names"][5].as_str(), Some("Sandal"));
    let branch = "train --resume --branch --iterations 3 -q --dataset mnist --data-dir moved";
    scratch.run(branch).succeeds();
    assert!(scratch.config("runs/00001-cgan-mnist").get("class_names").is_none());
}

#[test]
fn branch_with_other_networks_or_nothing_to_do_is_refused_and_leaves_no_folder() {
    let scratch = one_run();
    for flag in [
        "--preset mlp",
        "--latent-dim 9",
        "--g-hidden 12",
        "--dropout 0.1",
        "--loss bce",
        "--image-size 14",
        "--channels 3",
        "--init normal:0.02",
        "--d-final-relu",
    ] {
        let name = flag.split(' ').next().unwrap();
        scratch.run(&format!("train --resume --branch {flag}")).fails(2, &[name, "networks"]);
    }
    scratch.run("train --resume --branch").fails(1, &["nothing is left", "--iterations"]);
    let flags = "--resume --branch --iterations 6";
    scratch
        .run(&format!("train {flags} --batch-size 41 --preset cgan --force"))
        .fails(2, &["--force"]);
    scratch.run(&format!("train {flags} --batch-size 1")).fails(2, &["--batch-size"]);
    scratch.run(&format!("train {flags} --dataset fashion-mnist")).fails(1, &["fashion-mnist"]);
    scratch.train("--branch").fails(2, &["--resume"]);
    assert!(!scratch.path(SECOND).exists());
    // The error names the flag that allows it.
    scratch.run("train --resume --lr 0.5 --iterations 6").fails(2, &["--lr", "--branch"]);
}

#[test]
fn running_run_can_be_branched() {
    let scratch = one_run();
    let (run, _) = gan_cuda::run::dir::RunDir::open(&scratch.path(FIRST)).unwrap();
    let _lock = run.lock().unwrap();
    scratch.run("train --resume --iterations 6").fails(1, &["is training in"]);
    scratch.run("train --resume --iterations 6 --branch").succeeds();
}

#[test]
fn checkpoint_outside_of_a_run_folder_continues_in_a_new_run() {
    let scratch = one_run();
    fs::rename(scratch.path(&format!("{FIRST}/checkpoint-000003")), scratch.path("kept")).unwrap();
    fs::remove_dir_all(scratch.path("runs")).unwrap();
    scratch.run("train --resume kept --iterations 6 --lr 0.5").fails(2, &["--lr", "--branch"]);
    let words = [FIRST, "from iteration 3", "kept", "not in a run folder", "done: 6 iterations"];
    scratch.run("train --resume kept --iterations 6").prints(&words);
    assert_eq!(scratch.logged(FIRST), [4, 5, 6]);
    has(&scratch.text(&format!("{FIRST}/config.toml")), &["branched_from", "/kept"]);
    let mut bytes = fs::read(scratch.images()).unwrap();
    bytes[1000] ^= 1;
    fs::write(scratch.images(), bytes).unwrap();
    scratch.run("train --resume kept --iterations 6").fails(1, &["not those", "--branch"]);
}

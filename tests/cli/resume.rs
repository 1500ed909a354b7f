//! `gan-cuda train --resume`.

use std::fs;

use gan_cuda::run::dir::RunDir;

use super::scratch::Scratch;

const FIRST: &str = "runs/00000-cgan-mnist";
const SECOND: &str = "runs/00001-cgan-mnist";

/// A folder with two finished runs of four iterations, a checkpoint at each.
fn two_runs() -> Scratch {
    let scratch = Scratch::with_digits();
    for _ in 0..2 {
        scratch.train("--iterations 4 --checkpoint-interval 1 --keep 9").succeeds();
    }
    scratch
}

/// A folder with one such run.
fn one_run() -> Scratch {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 4 --checkpoint-interval 1 --keep 9").succeeds();
    scratch
}

#[test]
fn without_a_path_the_newest_run_goes_on() {
    let scratch = two_runs();
    let before = scratch.files(FIRST);
    let out = scratch.run("train --resume --iterations 6").succeeds();
    assert!(out.contains(&format!("{SECOND}, from iteration 4")), "{out}");
    assert!(out.contains("done: 6 iterations"), "{out}");
    assert_eq!(scratch.files(FIRST), before);
    assert_eq!(scratch.checkpoints(SECOND).last().unwrap(), "checkpoint-000006");
    assert_eq!(fs::read_dir(scratch.path("runs")).unwrap().count(), 2);
}

#[test]
fn a_run_folder_or_a_checkpoint_can_be_named() {
    let scratch = two_runs();
    let before = scratch.files(SECOND);
    let out = scratch.run(&format!("train --resume {FIRST} --iterations 5")).succeeds();
    assert!(out.contains(&format!("{FIRST}, from iteration 4")), "{out}");
    let checkpoint = format!("{FIRST}/checkpoint-000002");
    let out = scratch.run(&format!("train --iterations 3 --resume {checkpoint}")).succeeds();
    assert!(out.contains(&format!("{FIRST}, from iteration 2")), "{out}");
    let kept = [1, 2, 3].map(|iteration| format!("checkpoint-{iteration:06}"));
    assert_eq!(scratch.checkpoints(FIRST), kept);
    assert_eq!(scratch.files(SECOND), before);
}

#[test]
fn stopped_and_resumed_equals_uninterrupted() {
    let scratch = one_run();
    scratch.run("train --resume --iterations 8").succeeds();
    let whole = "--iterations 8 --checkpoint-interval 1 --keep 9";
    scratch.train(whole).succeeds();
    let (resumed, whole) = (scratch.files(FIRST), scratch.files(SECOND));
    for (name, bytes) in &whole {
        if name.ends_with("generator.safetensors") || name.ends_with("discriminator.safetensors") {
            assert_eq!(resumed[name], *bytes, "{name}");
        }
    }
    assert_eq!(resumed["samples/000008.png"], whole["samples/000008.png"]);
}

#[test]
fn finished_run_says_so_and_stays_as_it_is() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let out = scratch.run("train --resume").succeeds();
    for word in ["nothing to do", "4 iterations", "--epochs", "--iterations"] {
        assert!(out.contains(word), "no {word:?} in:\n{out}");
    }
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

/// Flags that decide what a run learns, with values that [`one_run`] has not.
const FIXED: [&str; 29] = [
    "--preset mlp",
    "--dataset fashion-mnist",
    "--seed 1",
    "--data-dir elsewhere",
    "--skip-bad-images",
    "--image-size 14",
    "--channels 3",
    "--batch-size 8",
    "--lr 0.5",
    "--b1 0.6",
    "--b2 0.9",
    "--latent-dim 9",
    "--latent uniform",
    "--g-hidden 12",
    "--d-hidden 12,13",
    "--loss bce",
    "--d-loss-scale 1",
    "--order d-first",
    "--fakes fresh",
    "--leaky-slope 0.1",
    "--dropout 0.1",
    "--bn-eps 0.1",
    "--bn-momentum 0.2",
    "--init normal:0.02",
    "--d-final-relu",
    "--name other",
    "--config runs",
    "--init-generator x",
    "--init-discriminator x",
];

/// Flags that a run may go on with.
const FREE: [&str; 17] = [
    "--epochs 2",
    "--iterations 5",
    "--sample-interval 2",
    "--log-interval 2",
    "--checkpoint-interval 3",
    "--keep 2",
    "--threads 2",
    "--device cpu",
    "--precision f32",
    "--no-graph",
    "--tensorboard",
    "--no-tensorboard",
    "--runs-dir runs",
    "--quiet",
    "--verbose",
    "--dry-run",
    "--resume",
];

fn name(flag: &str) -> &str {
    flag.split(' ').next().unwrap()
}

#[test]
fn flags_that_would_change_the_training_are_refused_by_name() {
    let scratch = one_run();
    let before = scratch.files("runs");
    for flag in FIXED {
        scratch.run(&format!("train --resume {FIRST} {flag}")).fails(2, &[name(flag)]);
    }
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

#[test]
fn other_flags_are_welcome_and_every_flag_is_one_or_the_other() {
    let scratch = one_run();
    for flag in FREE.iter().filter(|flag| **flag != "--resume") {
        scratch.run(&format!("train --resume {FIRST} {flag}")).succeeds();
    }
    let known: Vec<_> = FIXED.iter().chain(&FREE).map(|flag| name(flag)).collect();
    for flag in scratch.flags("train") {
        assert!(known.contains(&flag.as_str()), "may {flag} change when a run goes on?");
    }
}

#[test]
fn the_same_command_with_resume_is_welcome() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 4 --d-final-relu").succeeds();
    let same = "--iterations 6 --preset cgan --dataset mnist --seed 0 --lr 0.0002 --dropout 0.4 \
                --d-final-relu";
    scratch.train(&format!("{same} --resume")).succeeds();
    assert_eq!(scratch.checkpoints(FIRST).last().unwrap(), "checkpoint-000006");
}

#[test]
fn flags_of_length_and_output_may_change() {
    let scratch = one_run();
    let flags = "--epochs 3 --sample-interval 2 --log-interval 2 --checkpoint-interval 3 --keep 2 \
                 --threads 2 --device cpu";
    scratch.run(&format!("train --resume {flags}")).succeeds();
    assert_eq!(scratch.logged(FIRST), [4, 6, 8, 9]);
    assert_eq!(scratch.checkpoints(FIRST), ["checkpoint-000006", "checkpoint-000009"]);
    assert!(scratch.path(FIRST).join("samples/000006.png").is_file());
    assert_eq!(scratch.config(FIRST)["keep"].as_integer(), Some(2));
}

#[test]
fn resume_where_there_is_no_run_says_what_is_missing() {
    let scratch = Scratch::with_digits();
    scratch.run("train --resume").fails(1, &["no runs in runs"]);
    scratch.run("train --resume nowhere").fails(1, &["no such run or checkpoint: nowhere"]);
    scratch.run("train --resume digits").fails(1, &["digits is not a run", "config.toml"]);
    scratch.train("--iterations 1").succeeds();
    fs::remove_dir_all(scratch.path(FIRST).join("checkpoint-000001")).unwrap();
    scratch.run("train --resume").fails(1, &["no complete checkpoint", FIRST]);
}

#[test]
fn damaged_checkpoint_is_named_with_the_older_ones() {
    for file in ["generator", "discriminator", "state"] {
        let scratch = one_run();
        let path = scratch.path(FIRST).join(format!("checkpoint-000004/{file}.safetensors"));
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
        let before = scratch.files("runs");
        let words = [&*format!("{file}.safetensors is damaged"), "checkpoint-000003"];
        scratch.run("train --resume").fails(1, &words);
        assert!(scratch.files("runs") == before, "the run folder was touched");
        scratch.run(&format!("train --resume {FIRST}/checkpoint-000003")).succeeds();
    }
}

#[test]
fn run_of_another_process_is_left_alone() {
    let scratch = one_run();
    let (run, _) = RunDir::open(&scratch.path(FIRST)).unwrap();
    let lock = run.lock().unwrap();
    scratch.run("train --resume --iterations 9").fails(1, &["is training in", FIRST]);
    assert_eq!(scratch.checkpoints(FIRST).last().unwrap(), "checkpoint-000004");
    drop(lock);
    scratch.run("train --resume --iterations 9").succeeds();
}

#[test]
fn broken_configuration_is_named() {
    let scratch = one_run();
    let config = scratch.path(FIRST).join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    for (from, to) in [("seed = 0", "seed = "), ("seed = 0", "sead = 0"), ("cgan", "dcgan")] {
        fs::write(&config, text.replace(from, to)).unwrap();
        let error = scratch.run("train --resume");
        assert_eq!(error.out, "");
        error.fails(1, if to == "dcgan" { &["dcgan"] } else { &["config.toml", "line 10"] });
    }
}

#[test]
fn run_goes_on_with_the_images_it_began_with_or_not_at_all() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let mut bytes = fs::read(scratch.images()).unwrap();
    bytes[1000] ^= 1;
    fs::write(scratch.images(), bytes).unwrap();
    scratch.run("train --resume --iterations 6").fails(1, &["digits", "not those"]);
    assert!(scratch.files("runs") == before, "the run folder was touched");
    fs::remove_dir_all(scratch.path("digits")).unwrap();
    scratch.run("train --resume --iterations 6").fails(1, &["digits"]);
    assert!(scratch.files("runs") == before, "the run folder was touched");
}

#[test]
fn older_checkpoint_with_nothing_to_do_leaves_the_newer_ones() {
    let scratch = one_run();
    let before = scratch.files("runs");
    let resume = format!("train --resume {FIRST}/checkpoint-000002 --iterations");
    let out = scratch.run(&format!("{resume} 2")).succeeds();
    assert!(out.contains("nothing to do"), "{out}");
    assert!(scratch.files("runs") == before, "the run folder was touched");
    scratch.run(&format!("{resume} 3")).succeeds();
    assert_eq!(scratch.checkpoints(FIRST).last().unwrap(), "checkpoint-000003");
}

#[test]
fn configuration_that_was_edited_is_refused_by_its_key() {
    let scratch = one_run();
    let config = scratch.path(FIRST).join("config.toml");
    let text = fs::read_to_string(&config).unwrap();
    for (from, to, key) in [
        ("lr = 0.0002", "lr = 0.5", "gan.lr"),
        ("seed = 0", "seed = 7", "seed"),
        ("loss = \"mse\"", "loss = \"bce-logits\"", "gan.loss"),
    ] {
        assert!(text.contains(from), "{text}");
        fs::write(&config, text.replace(from, to)).unwrap();
        for more in ["", "--dry-run"] {
            let resume = format!("train --resume --iterations 6 {more}");
            scratch.run(&resume).fails(1, &["config.toml has another", key]);
        }
    }
    fs::write(&config, text.replace("keep = 9", "keep = 8")).unwrap();
    scratch.run("train --resume --iterations 6").succeeds();
}

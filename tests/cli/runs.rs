//! `runs`: running runs, and runs that ended in every possible way.
#![cfg(unix)]

use std::fs;

use serde_json::{Value, json};

use super::json::has_values;
use super::scratch::{RUN, Scratch};
use super::stop::{endless, send};

/// The output of `runs --json`.
#[track_caller]
fn listed(scratch: &Scratch) -> Vec<Value> {
    let out = scratch.run("runs --json").succeeds();
    assert_eq!(out.lines().count(), 1, "{out}");
    serde_json::from_str(&out).unwrap()
}

/// The entry of the only run.
#[track_caller]
fn only(scratch: &Scratch) -> Value {
    let [run] = listed(scratch).try_into().unwrap();
    run
}

#[test]
fn finished_run_is_listed_in_full() {
    let scratch = Scratch::with_digits();
    let flags = "--iterations 4 --log-interval 3 --name my-try --preset mlp --no-tensorboard";
    scratch.train(flags).succeeds();
    let run = only(&scratch);
    has_values(&run, &json!({"state": "finished", "iteration": 4, "total": 4, "checkpoint": 4}));
    has_values(
        &run,
        &json!({"name": "00000-my-try", "path": "runs/00000-my-try", "process": null}),
    );
    has_values(&run, &json!({"preset": "mlp", "dataset": "mnist", "problems": []}));
    let stats = scratch.text("runs/00000-my-try/stats.jsonl");
    let losses = stats.lines().rfind(|line| line.contains("d_loss")).unwrap();
    let newest: Value = serde_json::from_str(losses).unwrap();
    assert_eq!(run["record"], newest);
    let sizes: usize = scratch.files("runs").values().map(Vec::len).sum();
    assert_eq!(run["bytes"], sizes);
    let [started, changed] = ["started", "changed"].map(|key| run[key].as_u64().unwrap());
    assert!(0 < started && started <= changed, "{run}");
    let out = scratch.run("runs").succeeds();
    let lines: Vec<_> = out.lines().collect();
    assert!(lines[0].starts_with("run           state     iterations"), "{out}");
    assert!(lines[1].starts_with("00000-my-try  finished         4/4"), "{out}");
    assert!(lines[1].ends_with(" ago"), "{out}");
    assert_eq!(lines[2..], ["          preset mlp on mnist"], "its name does not tell");
    // A resume may extend the run.
    scratch.run("train --resume --iterations 5").succeeds();
    assert_eq!(only(&scratch)["total"], 5);
}

#[test]
fn running_run_becomes_stopped_or_killed() {
    let scratch = Scratch::with_digits();
    for (signal, state) in [("-INT", "stopped"), ("-KILL", "killed")] {
        let flags = "--log-interval 1 --checkpoint-interval 2";
        let mut child = endless(&scratch, flags, "checkpoint-000004");
        let run = only(&scratch);
        assert_eq!(run["state"], "running", "{run}");
        assert_eq!(run["process"], child.id());
        assert_eq!(run["total"], 3_000_000, "epochs of three batches come first");
        assert!(run["checkpoint"].as_u64() >= Some(2), "{run}");
        send(&child, signal);
        drop(child.stdout.take());
        child.wait().unwrap();
        let run = only(&scratch);
        assert_eq!(run["state"], state, "{run}");
        assert_eq!(run["process"].is_u64(), state == "killed", "whose number it was");
        assert!(scratch.run("runs").succeeds().contains(state));
        // A killed run can be resumed like any other; listing it changes nothing.
        let end = run["checkpoint"].as_u64().unwrap() + 1;
        scratch.run(&format!("train --resume --iterations {end}")).succeeds();
        assert_eq!(only(&scratch)["state"], "finished");
        fs::remove_dir_all(scratch.path("runs")).unwrap();
    }
}

#[test]
fn failed_run_shows_its_error() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp --loss mse --init normal:1e6 --iterations 50 --name bad";
    scratch.train(flags).fails(1, &["training ended"]);
    let run = only(&scratch);
    assert_eq!(run["state"], "failed", "{run}");
    let problem = run["problems"][0].as_str().unwrap();
    assert!(problem.starts_with("error: ") && problem.contains("inf at iteration 1"), "{problem}");
    scratch.run("runs").prints(&[problem, "0/50"]);
}

#[test]
fn broken_runs_are_listed_with_their_problems() {
    let scratch = Scratch::with_digits();
    for _ in 0..5 {
        scratch.train("--iterations 2").succeeds();
    }
    let path = |run: usize, name: &str| scratch.path(&format!("runs/0000{run}-cgan-mnist/{name}"));
    fs::write(path(1, "config.toml"), "preset = 1").unwrap();
    fs::remove_file(path(2, "stats.jsonl")).unwrap();
    fs::write(path(3, "stats.jsonl"), "no record\n").unwrap();
    fs::remove_dir_all(path(4, "")).unwrap();
    fs::create_dir(path(4, "")).unwrap();
    scratch.put("runs/00005-a-file", "");
    let runs = listed(&scratch);
    let want = [
        ("finished", "[]"),
        ("damaged", "config.toml is not a valid GAN configuration"),
        ("finished", "stats.jsonl: No such file"),
        ("finished", "no losses at the end of runs/00003-cgan-mnist/stats.jsonl"),
        ("damaged", "cannot read runs/00004-cgan-mnist/config.toml"),
    ];
    assert_eq!(runs.len(), want.len());
    for (run, (state, words)) in runs.iter().zip(want) {
        assert!(run["state"] == state && run["problems"].to_string().contains(words), "{run}");
    }
    scratch.run("runs").prints(&["00004-cgan-mnist  damaged"]);
    assert!(runs[4]["started"].is_null() && runs[4]["record"].is_null(), "{runs:?}");
}

#[test]
fn runs_fits_into_80_columns_and_changes_nothing() {
    let scratch = Scratch::with_run("--iterations 2");
    // The state that a killed process leaves.
    scratch.put(&format!("{RUN}/.lock"), "4194304");
    scratch.put(&format!("{RUN}/loss.png.tmp"), "half");
    let before = scratch.files("runs");
    assert_eq!(only(&scratch)["state"], "killed");
    let out = scratch.run("runs").succeeds();
    assert!(out.lines().all(|line| line.chars().count() <= 80), "{out}");
    assert_eq!(scratch.files("runs"), before);
}

#[test]
fn folder_without_runs_is_valid_and_a_missing_one_is_an_error() {
    let scratch = Scratch::new();
    scratch.run("runs").fails(1, &["no runs in runs", "train one first"]);
    fs::create_dir_all(scratch.path("runs/not-a-run")).unwrap();
    assert_eq!(scratch.run("runs").succeeds(), "no runs in runs\n");
    assert_eq!(scratch.run("runs --json").succeeds(), "[]\n");
    assert_eq!(scratch.run("runs --runs-dir runs").succeeds(), "no runs in runs\n");
    assert!(scratch.run("runs --runs-dir there").err.contains("no runs in there"));
}

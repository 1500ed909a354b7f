//! `gan-cuda train --dry-run`.

use std::fs;

use super::scratch::Scratch;

const RUN: &str = "runs/00000-cgan-mnist";

#[test]
fn dry_run_says_what_a_run_would_be_and_writes_nothing() {
    let scratch = Scratch::with_digits();
    let before = scratch.files(".");
    let out = scratch.train("--dry-run --epochs 2 --lr 0.01").succeeds();
    for word in [
        "# gan-cuda ",
        "# device    CPU, 1 thread",
        "# memory    ",
        "# networks  generator ",
        "parameters, discriminator ",
        "# length    6 iterations, 3 an epoch, batches of 16",
        "nothing was written",
        "lr = 0.01",
    ] {
        assert!(out.contains(word), "no {word:?} in:\n{out}");
    }
    assert!(scratch.files(".") == before, "files were written");
    assert_eq!(scratch.train("--dry-run -q").succeeds(), "");
}

#[test]
fn what_a_dry_run_prints_is_the_config_toml_of_the_run() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--dry-run --iterations 2").succeeds();
    fs::write(scratch.path("mine.toml"), &out).unwrap();
    scratch.train("--iterations 2").succeeds();
    scratch.run("train --config mine.toml").succeeds();
    let text = fs::read_to_string(scratch.path(RUN).join("config.toml")).unwrap();
    assert!(out.ends_with(&text), "{out}\n{text}");
    assert_eq!(scratch.config(RUN), scratch.config("runs/00001-cgan-mnist"));
}

#[test]
fn dry_run_of_a_run_that_goes_on_leaves_it_alone() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 2").succeeds();
    let before = scratch.files(".");
    let out = scratch.run("train --resume --iterations 5 --dry-run").succeeds();
    assert!(
        out.contains("# length    5 iterations") && out.contains("\niterations = 5\n"),
        "{out}"
    );
    assert!(scratch.files(".") == before, "files were written");
}

#[test]
fn dry_run_fails_where_the_run_would() {
    let scratch = Scratch::with_digits();
    scratch.train("--iterations 2").succeeds();
    let state = scratch.path(RUN).join("checkpoint-000002/state.safetensors");
    let bytes = fs::read(&state).unwrap();
    fs::write(&state, "").unwrap();
    let words = ["state.safetensors is damaged"];
    scratch.run("train --resume --iterations 5 --dry-run").fails(1, &words);
    fs::write(&state, bytes).unwrap();
    scratch.run("train --resume --iterations 5 --dry-run").succeeds();
    scratch.train("--dry-run --dropout 1").fails(2, &["--dropout"]);
    scratch.run("train --dry-run --data-dir nowhere").fails(1, &["nowhere"]);
    scratch.train("--dry-run --init-generator none.safetensors").fails(1, &["none.safetensors"]);
}

//! `gan-cuda train --dry-run`.

use super::scratch::{RUN, SECOND, Scratch, has};

#[test]
fn dry_run_prints_banner_and_config_and_writes_nothing() {
    let scratch = Scratch::with_digits();
    let before = scratch.files(".");
    let words = ["# gan-cuda ", "# device    CPU, 1 thread", "# memory    ", "lr = 0.01"];
    let out = scratch.train("--dry-run --epochs 2 --lr 0.01").prints(&words);
    has(&out, &["# networks  generator ", "parameters, discriminator ", "nothing was written"]);
    has(&out, &["# length    6 iterations, 3 per epoch, batch size 16"]);
    assert!(scratch.files(".") == before, "files were written");
    assert_eq!(scratch.train("--dry-run -q").succeeds(), "");
}

#[test]
fn dry_run_prints_the_config_toml_of_the_run() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--dry-run --iterations 2").succeeds();
    scratch.put("mine.toml", &out);
    scratch.train("--iterations 2").succeeds();
    scratch.run("train --config mine.toml").succeeds();
    let text = scratch.text(&format!("{RUN}/config.toml"));
    assert!(out.ends_with(&text), "{out}\n{text}");
    assert_eq!(scratch.config(RUN), scratch.config(SECOND));
}

#[test]
fn dry_run_of_a_resume_changes_nothing() {
    let scratch = Scratch::with_run("--iterations 2");
    let before = scratch.files(".");
    let words = ["# length    5 iterations", "\niterations = 5\n"];
    scratch.run("train --resume --iterations 5 --dry-run").prints(&words);
    assert!(scratch.files(".") == before, "files were written");
}

#[test]
fn dry_run_fails_where_the_run_would() {
    let scratch = Scratch::with_digits();
    scratch.train("--dry-run --dropout 1").fails(2, &["--dropout"]);
    scratch.run("train --dry-run --data-dir nowhere").fails(1, &["nowhere"]);
    scratch.train("--dry-run --init-generator none.safetensors").fails(1, &["none.safetensors"]);
}

//! `completions`: scripts that shells understand, and what bash offers with one.

use std::io::{Write, stderr};
use std::process::Stdio;

use super::scratch::Scratch;

/// A program of this machine, or nothing where it has none, which is said.
fn present(scratch: &Scratch, program: &str) -> bool {
    let tried = scratch.prepared(program).arg("--version").stdout(Stdio::null()).status();
    if tried.is_err() {
        // Not by eprintln!, which the test harness keeps to itself when a test passes.
        let _ = writeln!(stderr(), "skipped: no {program}");
    }
    tried.is_ok()
}

#[test]
fn every_shell_has_a_script_that_names_the_commands_and_that_it_can_read() {
    let scratch = Scratch::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let words = ["train", "sample", "doctor", "checkpoint-interval"];
        scratch.put(shell, scratch.run(&format!("completions {shell}")).says(&words));
    }
    for shell in ["bash", "zsh", "fish"].into_iter().filter(|shell| present(&scratch, shell)) {
        let output = scratch.prepared(shell).arg("-n").arg(scratch.path(shell)).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
    }
    scratch.run("completions tcsh").fails(2, &["bash", "zsh", "fish"]);
}

/// What bash offers for the last of these words.
fn offered(scratch: &Scratch, words: &str) -> Vec<String> {
    let script = scratch.path("script");
    scratch.put("script", scratch.run("completions bash").succeeds());
    let ask = format!(
        "source '{}'; [[ $(complete -p gan-cuda) =~ -F\\ ([^\\ ]+) ]] || exit 1; \
         COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); \
         ${{BASH_REMATCH[1]}} gan-cuda ${{COMP_WORDS[COMP_CWORD]}} ${{COMP_WORDS[COMP_CWORD-1]}}; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\"",
        script.display()
    );
    let output = scratch.prepared("bash").args(["--norc", "-c", &ask]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let scratch = Scratch::new();
    if !present(&scratch, "bash") {
        return;
    }
    for (words, expected) in [
        ("gan-cuda pre", &["presets"][..]),
        ("gan-cuda train --checkpoint-i", &["--checkpoint-interval"]),
        ("gan-cuda train --preset mlp-", &["mlp-batchnorm", "mlp-dropout", "mlp-rgb"]),
        ("gan-cuda presets c", &["cdcgan", "cgan"]),
        ("gan-cuda bench --preset dcgan-", &["dcgan-rgb"]),
        ("gan-cuda train --loss b", &["bce", "bce-logits"]),
        ("gan-cuda completions f", &["fish"]),
    ] {
        let mut got = offered(&scratch, words);
        got.sort();
        assert_eq!(got, expected, "{words}");
    }
}

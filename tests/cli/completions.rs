//! `completions`: the scripts parse in their shells, and bash completes with one.

use std::io::{Write, stderr};
use std::process::Stdio;

use super::scratch::Scratch;

/// Whether a program is installed; prints a note if it is not.
fn present(scratch: &Scratch, program: &str) -> bool {
    let tried = scratch.prepared(program).arg("--version").stdout(Stdio::null()).status();
    if tried.is_err() {
        // Not by eprintln!, whose output the test harness hides if the test passes.
        let _ = writeln!(stderr(), "skipped: no {program}");
    }
    tried.is_ok()
}

#[test]
fn completion_scripts_name_the_commands_and_parse_in_their_shell() {
    let scratch = Scratch::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let words = ["train", "sample", "doctor", "checkpoint-interval"];
        scratch.put(shell, scratch.run(&format!("completions {shell}")).prints(&words));
    }
    for shell in ["bash", "zsh", "fish"].into_iter().filter(|shell| present(&scratch, shell)) {
        let output = scratch.prepared(shell).arg("-n").arg(scratch.path(shell)).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {output:?}");
    }
    scratch.run("completions tcsh").fails(2, &["bash", "zsh", "fish"]);
}

/// The completions of the last word in bash.
fn completions(scratch: &Scratch, words: &str) -> Vec<String> {
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
        ("gan-cuda presets c", &["cdcgan", "cgan", "cgan-ema"]),
        ("gan-cuda bench --preset dcgan-", &["dcgan-rgb"]),
        ("gan-cuda train --loss b", &["bce", "bce-logits"]),
        ("gan-cuda completions f", &["fish"]),
    ] {
        let mut got = completions(&scratch, words);
        got.sort();
        assert_eq!(got, expected, "{words}");
    }
}

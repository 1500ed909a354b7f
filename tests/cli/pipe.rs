//! Closed pipes, and output to a full disk.

use std::process::{Child, Stdio};

use super::scratch::{RUN, Scratch, TINY};

fn spawned(arguments: &str, filter: &str) -> Child {
    let mut command = Scratch::new().command(arguments);
    // Not the scratch folder, which is deleted before the command runs.
    command.current_dir(".").env("RUST_LOG", filter);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn closed_standard_error_does_not_panic() {
    for (arguments, filter, code) in [("train --resume nowhere", "", 1), ("doctor", "trace", 3)] {
        let mut child = spawned(arguments, filter);
        drop(child.stderr.take());
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(code));
    }
}

#[test]
fn closed_pipe_does_not_panic() {
    let mut child = spawned("presets cgan", "");
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
}

/// Exit code and standard error of a command whose standard output is a full disk.
#[cfg(target_os = "linux")]
fn on_a_full_disk(scratch: &Scratch, arguments: &str) -> (Option<i32>, String) {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = scratch.command(arguments);
    let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[cfg(target_os = "linux")]
const LOST: &str =
    "error: cannot write to standard output: No space left on device (os error 28)\n";

#[test]
#[cfg(target_os = "linux")]
fn unwritable_output_is_an_error_of_every_command() {
    let scratch = Scratch::with_run("--iterations 1");
    let train = format!("train {TINY} --dry-run");
    for arguments in [
        "--help",
        "--version",
        "train --help",
        &train,
        "sample",
        "sample --json",
        "replay --out a.gif",
        "export --numpy a.npy",
        "runs",
        "runs --json",
        "presets",
        "presets cgan --toml",
        "graph cgan",
        "bench --preset mlp --iterations 1 --warmup 0 --json",
        "doctor",
        "completions bash",
        "man",
    ] {
        assert_eq!(on_a_full_disk(&scratch, arguments), (Some(1), LOST.to_owned()), "{arguments}");
    }
}

#[test]
#[cfg(target_os = "linux")]
fn usage_error_exits_with_2_if_standard_error_is_unwritable() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let status = Scratch::new().command("train --no-such-flag").stderr(full).status().unwrap();
    assert_eq!(status.code(), Some(2));
}

#[test]
#[cfg(target_os = "linux")]
fn run_with_unwritable_output_continues_and_fails_at_its_end() {
    let scratch = Scratch::with_digits();
    let train = format!("train {TINY} --iterations 4");
    assert_eq!(on_a_full_disk(&scratch, &train), (Some(1), LOST.to_owned()));
    assert_eq!(scratch.checkpoints(RUN), ["checkpoint-000004"]);
    scratch.run("runs").prints(&["finished", "4/4"]);
    assert_eq!(on_a_full_disk(&scratch, &format!("{train} -q")), (Some(0), String::new()));
}

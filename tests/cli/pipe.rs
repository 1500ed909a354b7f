//! Output whose reader has gone away.

use std::process::{Command, Stdio};

use super::scratch::program;

#[test]
fn closed_standard_error_is_no_panic() {
    let mut child = Command::new(program())
        .args(["train", "--resume", "nowhere"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stderr.take());
    assert_eq!(child.wait_with_output().unwrap().status.code(), Some(1));
}

#[test]
fn closed_pipe_is_no_panic() {
    let mut child = Command::new(program())
        .args(["presets", "cgan"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
}

//! Output whose reader has gone away.

use std::process::{Child, Stdio};

use super::scratch::Scratch;

fn spawned(arguments: &str, filter: &str) -> Child {
    let mut command = Scratch::new().command(arguments);
    // Its own folder is gone before it runs.
    command.current_dir(".").env("RUST_LOG", filter);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn closed_standard_error_is_no_panic_with_a_log_either() {
    for (arguments, filter, code) in [("train --resume nowhere", "", 1), ("doctor", "trace", 3)] {
        let mut child = spawned(arguments, filter);
        drop(child.stderr.take());
        assert_eq!(child.wait_with_output().unwrap().status.code(), Some(code));
    }
}

#[test]
fn closed_pipe_is_no_panic() {
    let mut child = spawned("presets cgan", "");
    drop(child.stdout.take());
    let out = child.wait_with_output().unwrap();
    assert!(out.status.success() && out.stderr.is_empty(), "{out:?}");
}

//! Python with the modules that a test names: another reader of the files written here.

use std::ffi::OsStr;
use std::io::{Write, stderr};
use std::process::Command;

/// What `script` prints with these arguments; none, and said aloud, where `python3` lacks one of
/// the modules and `GAN_CUDA_REQUIRE_PYTHON` is not set.
///
/// # Panics
/// When the script fails, with what it said.
pub fn python<A: AsRef<OsStr>>(
    modules: &[&str],
    script: &str,
    arguments: impl IntoIterator<Item = A>,
) -> Option<String> {
    let imports = format!("import {}", modules.join(", "));
    let found = Command::new("python3").args(["-c", &imports]).output();
    if !found.is_ok_and(|output| output.status.success()) {
        let missing = format!("python3 cannot {imports}");
        assert!(std::env::var_os("GAN_CUDA_REQUIRE_PYTHON").is_none(), "{missing}");
        // Not by eprintln!, which the test harness keeps to itself when a test passes.
        let _ = writeln!(stderr(), "skipped: {missing}");
        return None;
    }
    let mut command = Command::new("python3");
    // Whatever the user's language is.
    command.env("PYTHONUTF8", "1");
    let output = command.args(["-c", script]).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the script failed:\n{said}");
    Some(String::from_utf8(output.stdout).unwrap())
}

//! Runs Python scripts, which read the files written here with other libraries.

use std::ffi::OsStr;
use std::io::{Write, stderr};
use std::process::Command;

/// The output of `script` with these arguments; `None`, with a message, if `python3` lacks one of
/// the modules and `GAN_CUDA_REQUIRE_PYTHON` is not set.
///
/// # Panics
/// If the script fails; the message has its standard error.
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
        // Not with eprintln!, whose output the test harness captures.
        let _ = writeln!(stderr(), "skipped: {missing}");
        return None;
    }
    let mut command = Command::new("python3");
    // Independent of the user's locale.
    command.env("PYTHONUTF8", "1");
    let output = command.args(["-c", script]).args(arguments).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "the script failed:\n{errors}");
    Some(String::from_utf8(output.stdout).unwrap())
}

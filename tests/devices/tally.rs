//! The number of tests that ran on a device: counted in each child process, summed in the parent.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use libtest_mimic::Conclusion;
use serde::{Deserialize, Serialize};

use super::open::Kind;

/// Names the file to which a child writes its tally.
pub const FILE: &str = "GAN_CUDA_TEST_TALLY";

/// The results of a device's tests, or of a group of them.
#[derive(Default, Serialize, Deserialize)]
pub struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Why the device is missing, if it is.
    absence: Option<String>,
}

impl Tally {
    pub fn of(kind: Kind, conclusion: &Conclusion) -> Self {
        Self {
            passed: conclusion.num_passed,
            failed: conclusion.num_failed,
            skipped: conclusion.num_ignored,
            absence: kind.absence().map(str::to_owned),
        }
    }

    /// Adds the results of another group.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.absence = self.absence.take().or(other.absence);
    }

    /// Writes the tally for the parent, or prints it if there is no parent.
    pub fn report(&self, kind: Kind) {
        match env::var_os(FILE) {
            Some(path) => fs::write(path, serde_json::to_vec(self).unwrap()).unwrap(),
            None => println!("devices: {kind} {self}\n"),
        }
    }

    /// Reads a child's tally; none if it did not finish.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(path).ok()?).ok()
    }
}

impl Display for Tally {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let counts = [(self.passed, "passed"), (self.failed, "FAILED"), (self.skipped, "skipped")];
        let counts: Vec<_> = counts.iter().filter(|(count, _)| *count > 0).collect();
        let words: Vec<_> = counts.iter().map(|(count, what)| format!("{count} {what}")).collect();
        f.write_str(if words.is_empty() { "none run" } else { "" })?;
        f.write_str(&words.join(", "))?;
        self.absence.iter().try_for_each(|absence| write!(f, ": {absence}"))
    }
}

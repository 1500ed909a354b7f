//! How many tests ran on a device: counted in its process, summed up in the parent's.

use std::env;
use std::fmt::{self, Display, Formatter};
use std::fs;
use std::path::Path;

use libtest_mimic::Conclusion;
use serde::{Deserialize, Serialize};

use super::open::Kind;

/// Names the file in which a child leaves its tally.
pub const FILE: &str = "GAN_CUDA_TEST_TALLY";

/// What became of a device's tests, or of a group of them.
#[derive(Default, Serialize, Deserialize)]
pub struct Tally {
    passed: u64,
    failed: u64,
    skipped: u64,
    /// Why the device is not there, if it is not.
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

    /// Counts those of another group too.
    pub fn add(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
        self.absence = self.absence.take().or(other.absence);
    }

    /// Leaves the tally for the parent, or prints it where there is none.
    pub fn tell(&self, kind: Kind) {
        match env::var_os(FILE) {
            Some(path) => fs::write(path, serde_json::to_vec(self).unwrap()).unwrap(),
            None => println!("devices: {kind} {self}\n"),
        }
    }

    /// Reads what a child left; nothing if it did not get that far.
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

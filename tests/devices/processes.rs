//! The parent process: runs each group of tests of each device in a child process, with its own
//! arguments, and prints totals.
//!
//! After a GPU failure (such as an illegal address) every further call in its process fails; so a
//! group that causes one does not affect other groups.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;

use super::open::{Kind, LIBRARIES};
use super::suite;
use super::tally::{self, Tally};
use super::{DEVICE, GROUP};

/// The exit code of cargo's test binaries when a test failed.
const FAILED: u8 = 101;

/// The result of a device's tests.
struct Outcome {
    kind: Kind,
    tally: Tally,
    /// How groups ended that left no tally.
    unfinished: Vec<String>,
    succeeded: bool,
}

/// Runs all groups sequentially: each uses all processors, and their output would be mixed.
pub fn run(arguments: &Arguments) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = Kind::ALL.map(|kind| Outcome::of(kind, arguments, folder.path()));
    if !arguments.list {
        let summaries = outcomes.each_ref().map(Outcome::summary);
        println!("devices: {}\n", summaries.join("; "));
    }
    if outcomes.iter().all(|outcome| outcome.succeeded) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

impl Outcome {
    fn of(kind: Kind, arguments: &Arguments, folder: &Path) -> Self {
        let mut outcome =
            Self { kind, tally: Tally::default(), unfinished: Vec::new(), succeeded: true };
        for group in groups(kind, arguments) {
            outcome.add(&group, &folder.join(format!("{}-{group}", kind.word())));
        }
        outcome
    }

    /// Runs a group; the child writes its tally to `file`.
    fn add(&mut self, group: &str, file: &Path) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(env::args_os().skip(1));
        command.env(DEVICE, self.kind.word()).env(GROUP, group).env(tally::FILE, file);
        if self.kind == Kind::Emulated {
            // The variable names a GPU's libraries.
            command.env_remove(LIBRARIES);
        }
        let status = command.status().unwrap();
        self.succeeded &= status.success();
        match Tally::read(file) {
            Some(tally) => self.tally.add(tally),
            None => self.unfinished.push(format!("{group} did not finish: {status}")),
        }
    }

    fn summary(&self) -> String {
        let unfinished = self.unfinished.iter().map(|group| format!(", {group}"));
        format!("{} {}{}", self.kind, self.tally, unfinished.collect::<String>())
    }
}

/// The groups that have tests to run, in the order of the suite.
fn groups(kind: Kind, arguments: &Arguments) -> Vec<String> {
    let mut groups = Vec::new();
    for trial in suite::trials(kind) {
        let group = suite::group(&trial).to_owned();
        if !arguments.is_filtered_out(&trial) && !groups.contains(&group) {
            groups.push(group);
        }
    }
    groups
}

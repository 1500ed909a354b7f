//! The parent: runs each group of tests of each device in a child process, with the arguments that
//! it was given, and sums up.
//!
//! A GPU that has failed once (an illegal address, say) fails whatever its process does next; so a
//! group that breaks it takes no other group along.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;

use super::open::{Kind, LIBRARIES};
use super::suite;
use super::tally::{self, Tally};
use super::{DEVICE, GROUP};

/// What the test programs of cargo end with when a test failed.
const FAILED: u8 = 101;

/// What became of a device's tests.
struct Outcome {
    kind: Kind,
    tally: Tally,
    /// How groups ended that left no tally.
    unfinished: Vec<String>,
    succeeded: bool,
}

/// Runs all groups, one after the other: their lines would mix, and each uses all processors.
pub fn run(arguments: &Arguments) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let outcomes = Kind::ALL.map(|kind| Outcome::of(kind, arguments, folder.path()));
    if !arguments.list {
        let words = outcomes.each_ref().map(Outcome::words);
        println!("devices: {}\n", words.join("; "));
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

    /// Runs a group; `file` is where the child leaves its tally.
    fn add(&mut self, group: &str, file: &Path) {
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(env::args_os().skip(1));
        command.env(DEVICE, self.kind.word()).env(GROUP, group).env(tally::FILE, file);
        if self.kind == Kind::Emulated {
            // It names a GPU's libraries.
            command.env_remove(LIBRARIES);
        }
        let status = command.status().unwrap();
        self.succeeded &= status.success();
        match Tally::read(file) {
            Some(tally) => self.tally.add(tally),
            None => self.unfinished.push(format!("{group} did not finish: {status}")),
        }
    }

    fn words(&self) -> String {
        let unfinished = self.unfinished.iter().map(|words| format!(", {words}"));
        format!("{} {}{}", self.kind, self.tally, unfinished.collect::<String>())
    }
}

/// The groups in which there is something to run, in the order of the suite.
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

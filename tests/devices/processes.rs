//! The parent process: runs each group of tests of each device in a child process, with its own
//! arguments, and prints totals.
//!
//! After a GPU failure (such as an illegal address) every further call in its process fails; so a
//! group that causes one does not affect other groups.

use std::collections::VecDeque;
use std::io::{Write, stderr, stdout};
use std::path::Path;
use std::process::{Command, ExitCode, ExitStatus};
use std::sync::Mutex;
use std::{env, thread};

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

/// Runs all groups, one device after the other.
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
        let outcome =
            Self { kind, tally: Tally::default(), unfinished: Vec::new(), succeeded: true };
        let (outcome, queue) = (Mutex::new(outcome), Mutex::new(groups(kind, arguments)));
        let worker = || {
            // The guard must not live while a group runs, as it would in a `while let`.
            let next = || queue.lock().unwrap().pop_front();
            while let Some(group) = next() {
                let file = folder.join(format!("{}-{group}", kind.word()));
                let status = run_group(kind, &group, &file);
                outcome.lock().unwrap().add(&group, status, Tally::read(&file));
            }
        };
        thread::scope(|scope| {
            for _ in 0..groups_at_once(kind) {
                scope.spawn(worker);
            }
        });
        outcome.into_inner().unwrap()
    }

    fn add(&mut self, group: &str, status: ExitStatus, tally: Option<Tally>) {
        self.succeeded &= status.success();
        match tally {
            Some(tally) => self.tally.add(tally),
            None => self.unfinished.push(format!("{group} did not finish: {status}")),
        }
    }

    fn summary(&self) -> String {
        let unfinished = self.unfinished.iter().map(|group| format!(", {group}"));
        format!("{} {}{}", self.kind, self.tally, unfinished.collect::<String>())
    }
}

/// The emulator uses one processor; a group of another device's tests uses the whole device.
fn groups_at_once(kind: Kind) -> usize {
    match kind {
        Kind::Emulated => thread::available_parallelism().map_or(1, usize::from),
        Kind::Cpu | Kind::Cuda => 1,
    }
}

/// Runs a group in a child, which writes its tally to `file`.
fn run_group(kind: Kind, group: &str, file: &Path) -> ExitStatus {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(env::args_os().skip(1));
    command.env(DEVICE, kind.word()).env(GROUP, group).env(tally::FILE, file);
    if kind != Kind::Emulated {
        return command.status().unwrap();
    }
    // The variable names a GPU's libraries.
    let output = command.env_remove(LIBRARIES).output().unwrap();
    // In one piece, as other groups print, too.
    let mut out = stdout().lock();
    out.write_all(&output.stdout).unwrap();
    stderr().write_all(&output.stderr).unwrap();
    output.status
}

/// The groups that have tests to run, in the order of the suite.
fn groups(kind: Kind, arguments: &Arguments) -> VecDeque<String> {
    let mut groups = VecDeque::new();
    for trial in suite::trials(kind) {
        let group = suite::group(&trial).to_owned();
        if !arguments.is_filtered_out(&trial) && !groups.contains(&group) {
            groups.push_back(group);
        }
    }
    groups
}

//! The parent: runs the suite on each device in a child process, with the arguments that it was
//! given, and sums up.

use std::env;
use std::path::Path;
use std::process::{Command, ExitCode};

use libtest_mimic::Arguments;

use super::DEVICE;
use super::open::{Kind, LIBRARIES};
use super::tally::{self, Tally};

/// What the test programs of cargo end with when a test failed.
const FAILED: u8 = 101;

/// One device's child.
struct Child {
    kind: Kind,
    succeeded: bool,
    /// Its tally, or how it ended without one.
    words: String,
}

/// Runs all devices, one after the other: their lines would mix, and each uses all processors.
pub fn run(arguments: &Arguments) -> ExitCode {
    let folder = tempfile::tempdir().unwrap();
    let children = Kind::ALL.map(|kind| Child::run(kind, folder.path()));
    if !arguments.list {
        let words = children.each_ref().map(|child| format!("{} {}", child.kind, child.words));
        println!("devices: {}\n", words.join("; "));
    }
    if children.iter().all(|child| child.succeeded) {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(FAILED)
    }
}

impl Child {
    fn run(kind: Kind, folder: &Path) -> Self {
        let file = folder.join(kind.word());
        let mut command = Command::new(env::current_exe().unwrap());
        command.args(env::args_os().skip(1)).env(DEVICE, kind.word()).env(tally::FILE, &file);
        if kind == Kind::Emulated {
            // It names a GPU's libraries.
            command.env_remove(LIBRARIES);
        }
        let status = command.status().unwrap();
        let words = match Tally::read(&file) {
            Some(tally) => tally.to_string(),
            None => format!("did not finish: {status}"),
        };
        Self { kind, succeeded: status.success(), words }
    }
}

//! The help texts of the commands, as recorded in `snapshots/`.

use std::path::Path;

use super::scratch::{Scratch, assert_snapshot};

/// All commands, in the order in which the help lists them.
pub fn commands() -> impl Iterator<Item = &'static str> {
    "train sample evaluate replay export runs presets graph fetch bench doctor completions man"
        .split(' ')
}

/// The output of a command in a terminal of 80 columns.
fn printed(arguments: &str) -> String {
    Scratch::new().run_with(arguments, &[("COLUMNS", Path::new("80"))]).succeeds()
}

#[test]
fn help_texts_match_the_snapshots() {
    assert_snapshot("help", &printed("--help"));
    for command in commands() {
        assert_snapshot(&format!("{command}-help"), &printed(&format!("{command} --help")));
    }
    for arguments in ["presets", "presets cgan", "presets mlp-rgb", "presets dcgan"] {
        assert_snapshot(&arguments.replace(' ', "-"), &printed(arguments));
    }
}

/// A new command needs a snapshot, too.
#[test]
fn all_commands_are_listed_here() {
    let help = printed("--help");
    let listed = help.split("Commands:").nth(1).unwrap().split("Options:").next().unwrap();
    // Wrapped lines of a description are indented further.
    let lines = listed.lines().filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let names: Vec<_> = lines.filter_map(|line| line.split_whitespace().next()).collect();
    assert!(names.into_iter().eq(commands().chain(["help"])), "{help}");
}

#[test]
fn help_fits_into_80_columns() {
    for command in commands().chain([""]) {
        for line in printed(&format!("{command} --help")).lines() {
            assert!(line.chars().count() <= 80, "{command}: {line}");
        }
    }
}

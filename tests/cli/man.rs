//! `man`: the manual pages.

use std::collections::BTreeSet;

use super::help::commands;
use super::scratch::{Scratch, has};

#[test]
fn page_names_every_command() {
    let page = Scratch::new().run("man").succeeds();
    let version = env!("CARGO_PKG_VERSION");
    let title = format!("\n.TH GAN-CUDA 1 \"\" \"gan-cuda {version}\" \"User Commands\"\n");
    assert!(page.contains(&title), "{page}");
    has(&page, &["SYNOPSIS", "gan\\-cuda\\-train(1)", "gan\\-cuda\\-runs(1)", "RUST_LOG"]);
    has(&page, &["Exit codes"]);
    assert!(!page.contains("help(1)"), "there is no page of help:\n{page}");
}

#[test]
fn page_of_each_command_has_all_its_flags() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("man --out pages/man1").succeeds(), "");
    let names: BTreeSet<_> = scratch.names("pages/man1").into_iter().collect();
    let expected = commands().map(|command| format!("gan-cuda-{command}.1"));
    assert_eq!(names, expected.chain(["gan-cuda.1".to_owned()]).collect());
    for command in commands() {
        let page = scratch.text(&format!("pages/man1/gan-cuda-{command}.1"));
        for flag in scratch.flags(command) {
            let flag = flag.trim_end_matches(',').replace('-', "\\-");
            assert!(page.contains(&flag), "no {flag} in the page of {command}");
        }
    }
    scratch.put("file", "");
    scratch.run("man --out file").fails(1, &["cannot create file"]);
}

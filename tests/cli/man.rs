//! `man`: the manual pages.

use std::collections::BTreeSet;
use std::fs;

use super::scratch::Scratch;

#[test]
fn page_names_every_command() {
    let page = Scratch::new().run("man").succeeds();
    let version = env!("CARGO_PKG_VERSION");
    let title = format!("\n.TH GAN-CUDA 1 \"\" \"gan-cuda {version}\" \"User Commands\"\n");
    assert!(page.contains(&title), "{page}");
    for word in
        ["SYNOPSIS", "gan\\-cuda\\-train(1)", "gan\\-cuda\\-runs(1)", "RUST_LOG", "Exit codes"]
    {
        assert!(page.contains(word), "no {word} in:\n{page}");
    }
    assert!(!page.contains("help(1)"), "there is no page of help:\n{page}");
}

#[test]
fn folder_gets_a_page_of_each_command_with_all_its_flags() {
    let scratch = Scratch::new();
    assert_eq!(scratch.run("man --out pages/man1").succeeds(), "");
    let names: BTreeSet<_> = scratch.names("pages/man1").into_iter().collect();
    let help = scratch.run("--help").succeeds();
    let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let commands = commands.filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
    let commands: Vec<_> = commands.filter(|word| !["", "help"].contains(word)).collect();
    assert!(commands.len() >= 8, "{commands:?}");
    let expected = commands.iter().map(|command| format!("gan-cuda-{command}.1"));
    assert_eq!(names, expected.chain(["gan-cuda.1".to_owned()]).collect());
    for command in commands {
        let file = scratch.path(&format!("pages/man1/gan-cuda-{command}.1"));
        let page = fs::read_to_string(file).unwrap();
        for flag in scratch.flags(command) {
            let flag = flag.trim_end_matches(',').replace('-', "\\-");
            assert!(page.contains(&flag), "no {flag} in the page of {command}");
        }
    }
    fs::write(scratch.path("file"), "").unwrap();
    scratch.run("man --out file").fails(1, &["cannot create file"]);
}

//! What README.md and the pages of docs/ tell people to type.

use std::fs;
use std::path::Path;

use super::cuda::emulated;
use super::help::commands;
use super::png;
use super::scratch::{Answer, Scratch};

/// The pages, in the order in which their commands are run. A command may use what an earlier one
/// wrote.
const PAGES: [&str; 12] = [
    "README.md",
    "docs/training.md",
    "docs/evaluation.md",
    "docs/generating.md",
    "docs/pytorch.md",
    "docs/python.md",
    "docs/data.md",
    "docs/gpu.md",
    "docs/cli.md",
    "docs/speed.md",
    "docs/techniques.md",
    "docs/several-gpus.md",
];
/// Generated reports, which have no commands for their readers.
const REPORTS: [&str; 3] = ["docs/comparison.md", "docs/many-runs.md", "docs/scores.md"];

fn text(page: &str) -> String {
    fs::read_to_string(page).unwrap()
}

/// The program's commands in a page's shell blocks, run by cargo or as installed.
fn shell_commands(page: &str) -> Vec<String> {
    let text = text(page);
    let blocks = text.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let typed = blocks.flat_map(str::lines).filter_map(|line| {
        ["cargo run --release -- ", "gan-cuda "].iter().find_map(|&by| line.strip_prefix(by))
    });
    typed.map(|command| command.split(" #").next().unwrap().trim().to_owned()).collect()
}

/// The `inline code` of a page.
fn inline_code(page: &str) -> Vec<String> {
    let text = text(page);
    assert!(text.matches('`').count().is_multiple_of(2), "{page}: an unpaired backtick");
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Tests do not use the network; those of `fetch` have their own server.
fn is_online(command: &str) -> bool {
    command.starts_with("fetch ")
}

/// The exit code of a command where there is no CUDA.
fn code(command: &str) -> i32 {
    if command == "doctor" { 3 } else { 0 }
}

/// Runs a command as a shell does, but for what it pipes its output to.
fn run(scratch: &Scratch, line: &str, length: &str) {
    let command = line.split(" | ").next().unwrap();
    let (command, file) = match command.split_once(" > ") {
        Some((command, file)) => (command, Some(file)),
        None => (command, None),
    };
    let command_line = format!("{command} {length}");
    if command.contains("--device cuda") {
        emulated(&Scratch::new(), &command_line, &[]).map(Answer::succeeds);
        return;
    }
    let printed = scratch.run(&command_line).ends_with(code(command));
    if let Some(file) = file {
        scratch.put(file, printed);
    }
}

#[test]
fn documented_commands_work_in_their_order() {
    let scratch = Scratch::new();
    for folder in ["photos/holidays", "animals/cats", "animals/dogs"] {
        own_images(&scratch, folder);
    }
    let printed = fs::read("tests/cli/import/pytorch-gan.txt").unwrap();
    scratch.put("networks.txt", printed);
    let commands: Vec<_> = PAGES.into_iter().flat_map(shell_commands).collect();
    let offline = commands.iter().filter(|command| !is_online(command));
    let mut longest = 2;
    for command in offline {
        // As typed, but short.
        let length = match command.split(' ').next().unwrap() {
            "train" if command.contains("--resume") => {
                // Longer than any run before it.
                longest += 2;
                format!("-q --iterations {longest}")
            }
            "train" => "-q --iterations 2".to_owned(),
            "bench" => "--iterations 2 --warmup 0".to_owned(),
            "evaluate" => "--count 500".to_owned(),
            _ => String::new(),
        };
        run(&scratch, &command.replace("--seeds 0-7", "--seeds 0-1"), &length);
    }
    for command in ["train", "train --resume"] {
        assert!(commands.iter().any(|typed| typed == command), "no {command} in {commands:?}");
    }
    let runs = scratch.names("runs");
    for file in ["00000-cgan-mnist/samples/000004.png", "-mlp-rgb-photos/reals.png"] {
        assert!(runs.iter().any(|name| name.ends_with(file)), "no {file} in {runs:?}");
    }
    let files = "sample.png mine.toml mlp.svg sevens-and-threes.png interpolation.gif \
                 digits/000099-label-9.png digits.onnx digits.html digits.py digits.npy digits-labels.npy gan.py \
                 man-pages/gan-cuda-train.1";
    for file in files.split_whitespace() {
        assert!(scratch.path(file).is_file(), "{file}");
    }
}

/// A folder of images, as the README assumes.
fn own_images(scratch: &Scratch, folder: &str) {
    fs::create_dir_all(scratch.path(folder)).unwrap();
    for i in 0..4 {
        let picture = png::rgb(80, 70, |x, y| [x as u8, y as u8, i]);
        scratch.put(&format!("{folder}/{i}.png"), picture);
    }
}

#[test]
fn documented_commands_and_flags_exist() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("runs")).unwrap();
    let help = |command| scratch.run(&format!("{command} --help")).succeeds();
    let help: Vec<_> = commands().map(help).collect();
    let words: Vec<_> = PAGES.into_iter().flat_map(inline_code).collect();
    let typed = words.iter().filter_map(|word| word.strip_prefix("gan-cuda "));
    for command in typed.filter(|command| !is_online(command)) {
        scratch.run(command).ends_with(code(command));
    }
    let flags = words.iter().filter(|word| word.starts_with('-'));
    let flags: Vec<_> = flags.map(|word| word.split(' ').next().unwrap()).collect();
    assert!(flags.len() > 30, "{flags:?}");
    for flag in flags {
        // Help does not show aliases.
        let understood = || {
            let error = scratch.run(&format!("train {flag} --no-such-flag")).err;
            !error.contains(&format!("unexpected argument '{flag}'"))
        };
        let known = help.iter().any(|help| help.contains(flag)) || understood();
        assert!(known, "no {flag} in:\n{help:?}");
    }
}

/// So that a new page is checked too.
#[test]
fn all_pages_of_docs_are_listed_here() {
    let entries = fs::read_dir("docs").unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    for page in names.filter(|name| name.ends_with(".md")).map(|name| format!("docs/{name}")) {
        assert!(PAGES.iter().chain(&REPORTS).any(|known| *known == page), "{page}");
    }
}

#[test]
fn page_of_the_command_line_has_every_flag_of_train() {
    let help = Scratch::new().run("train --help").succeeds();
    let page = text("docs/cli.md");
    let flags = help.lines().filter_map(|line| {
        let words =
            line.strip_prefix("      --").or(line.split_once(", --").map(|(_, rest)| rest))?;
        line.trim_start().starts_with('-').then(|| words.split([' ', '=']).next().unwrap())
    });
    let mut count = 0;
    for flag in flags.filter(|&flag| !["help", "version", "quiet", "verbose"].contains(&flag)) {
        assert!(page.contains(&format!("`--{flag}")), "docs/cli.md lacks --{flag}");
        count += 1;
    }
    assert!(count > 50, "{count} flags");
}

#[test]
fn links_of_all_pages_lead_to_files() {
    for page in PAGES.into_iter().chain(REPORTS) {
        let folder = Path::new(page).parent().unwrap();
        let text = text(page);
        for link in text.split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
            let file = link.split('#').next().unwrap();
            let elsewhere = file.is_empty() || file.contains("://");
            assert!(elsewhere || folder.join(file).exists(), "{page}: {link}");
        }
    }
}

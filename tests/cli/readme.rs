//! The commands and flags in the README.

use std::fs;

use super::cuda::emulated;
use super::help::commands;
use super::scratch::{Answer, Scratch};

fn readme() -> String {
    fs::read_to_string("README.md").unwrap()
}

/// Tests do not use the network; those of `fetch` have their own server.
fn is_online(command: &str) -> bool {
    command.starts_with("fetch ")
}

/// The exit code of a command without CUDA.
fn code(command: &str) -> i32 {
    if command == "doctor" { 3 } else { 0 }
}

#[test]
fn commands_of_the_readme_work_in_their_order() {
    let scratch = Scratch::new();
    for folder in ["photos/holidays", "animals/cats", "animals/dogs"] {
        own_images(&scratch, folder);
    }
    let readme = readme();
    let commands = readme.lines().filter_map(|line| line.strip_prefix("cargo run --release -- "));
    let commands = commands.map(|command| command.split(" #").next().unwrap().trim());
    let mut done = Vec::new();
    for (count, command) in commands.filter(|command| !is_online(command)).enumerate() {
        // As written, with a shorter duration.
        let length = match command.split(' ').next().unwrap() {
            "train" => format!("-q --iterations {}", 2 * (count + 1)),
            "bench" => "--iterations 2 --warmup 0".to_owned(),
            _ => String::new(),
        };
        let command_line = format!("{command} {length}");
        if command.contains("--device cuda") {
            emulated(&Scratch::new(), &command_line, &[]).map(Answer::succeeds);
        } else {
            scratch.run(&command_line).ends_with(code(command));
        }
        done.push(command);
    }
    assert!(done.contains(&"train") && done.contains(&"train --resume"), "{done:?}");
    let runs = scratch.names("runs");
    for file in ["00000-cgan-mnist/samples/000004.png", "00003-mlp-rgb-photos/reals.png"] {
        assert!(runs.contains(&file.to_owned()), "no {file} in {runs:?}");
    }
    let files = "sample.png sevens-and-threes.png way.gif digits/000099-label-9.png digits.onnx \
                 digits.npy digits-labels.npy mlp.svg";
    for file in files.split(' ') {
        assert!(scratch.path(file).is_file(), "{file}");
    }
}

/// A folder of images, as the README assumes.
fn own_images(scratch: &Scratch, folder: &str) {
    fs::create_dir_all(scratch.path(folder)).unwrap();
    for i in 0..4 {
        let picture = image::RgbImage::from_fn(80, 70, |x, y| image::Rgb([x as u8, y as u8, i]));
        picture.save(scratch.path(folder).join(format!("{i}.png"))).unwrap();
    }
}

#[test]
fn commands_and_flags_that_the_readme_mentions_exist() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("runs")).unwrap();
    let help = |command| scratch.run(&format!("{command} --help")).succeeds();
    let help: Vec<_> = commands().map(help).collect();
    let readme = readme();
    let words: Vec<_> = readme.split('`').skip(1).step_by(2).collect();
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
            let output = scratch.run(&format!("train {flag} --no-such-flag")).err;
            !output.contains(&format!("unexpected argument '{flag}'"))
        };
        let known = help.iter().any(|help| help.contains(flag)) || understood();
        assert!(known, "no {flag} in:\n{help:?}");
    }
}

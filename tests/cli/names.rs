//! Unusual names of files and folders: they work, and are escaped in the output.

use std::fs;

use super::folder::{picture, scene};
use super::scratch::{Answer, Scratch};

/// A name that would clear the screen, fake an error message and reverse the text after it.
const NASTY: &str = "a\x1b[2J\nerror: b\u{202e}c\\d";
const SHOWN: &str = "a\\u001b[2J\\nerror: b\\u202ec\\d";

const TRAIN: &str = "train --image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 --threads 1 \
                     --iterations 1";

/// Runs the program with a last argument that may contain any characters.
fn run(scratch: &Scratch, arguments: &str, last: &str) -> Answer {
    let words = arguments.split_whitespace().chain([last]);
    scratch.run_words(&words.map(str::to_owned).collect::<Vec<_>>())
}

#[track_caller]
fn assert_escaped(text: &str) {
    let wild = |c: char| c.is_control() && c != '\n' || ('\u{2028}'..='\u{202e}').contains(&c);
    assert!(!text.contains(wild) && !text.contains("\nerror: b"), "{text:?}");
}

#[test]
fn names_with_control_characters_work_and_are_printed_escaped() {
    let scratch = scene();
    fs::rename(scratch.path("photos/cats"), scratch.path("photos").join(NASTY)).unwrap();
    fs::rename(scratch.path("photos"), scratch.path(NASTY)).unwrap();
    let out = run(&scratch, &format!("{TRAIN} --dataset"), NASTY).succeeds();
    assert_escaped(&out);
    assert!(out.contains(SHOWN), "{out}");
    let run_name = "00000-cgan-a-[2J-error: b\u{202e}c-d";
    assert!(scratch.path("runs").join(run_name).join("config.toml").is_file());
    for command in ["runs", "runs --json", "presets", "presets --json", "graph"] {
        let folder = format!("runs/{run_name}");
        let answer = match command.starts_with("runs") {
            true => scratch.run(command),
            false => run(&scratch, command, &format!("{folder}/config.toml")),
        };
        assert_escaped(&answer.succeeds());
    }
    let json = scratch.run("runs --json").succeeds();
    let runs: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(runs[0]["name"], run_name, "escaped as JSON has it");
}

#[test]
fn errors_and_warnings_print_names_escaped() {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path(NASTY)).unwrap();
    for (arguments, name) in [
        (format!("{TRAIN} --preset mlp-rgb --dataset"), NASTY),
        (format!("{TRAIN} --data-dir"), NASTY),
        ("graph".to_owned(), NASTY),
        ("sample".to_owned(), NASTY),
        ("train --resume".to_owned(), NASTY),
    ] {
        let answer = run(&scratch, &arguments, name);
        assert_escaped(&answer.err);
        assert_eq!(answer.err.lines().count(), 1, "{answer:#?}");
        answer.fails(1, &[SHOWN]);
    }
    fs::write(scratch.path(NASTY).join(format!("{NASTY}.png")), "no image").unwrap();
    fs::write(scratch.path(NASTY).join("good.png"), picture(1)).unwrap();
    let flags = format!("{TRAIN} --preset mlp-rgb --skip-bad-images --batch-size 1 -q --dataset");
    assert_escaped(&run(&scratch, &flags, NASTY).succeeds());
    let words = flags.replace(" -q", "");
    let words: Vec<_> = words.split_whitespace().chain([NASTY]).collect();
    let mut logging = scratch.command("");
    let logged = logging.args(&words).env("RUST_LOG", "trace").output().unwrap();
    assert_escaped(&String::from_utf8(logged.stderr).unwrap());
    let err = run(&scratch, &words[..words.len() - 1].join(" "), NASTY).warns();
    assert_escaped(&err);
    assert!(err.contains(&format!("{SHOWN}.png")), "{err}");
}

#[test]
fn long_folder_names_are_shortened_and_long_run_names_are_refused() {
    let scratch = scene();
    let long = "é".repeat(125);
    fs::rename(scratch.path("photos"), scratch.path(&long)).unwrap();
    run(&scratch, &format!("{TRAIN} --dataset"), &long).succeeds();
    let name = format!("00000-cgan-{}", "é".repeat(97));
    assert!(scratch.path("runs").join(name).is_dir(), "{:?}", scratch.names("runs"));
    let flags = format!("{TRAIN} --dataset {long} --name");
    run(&scratch, &flags, &"n".repeat(201)).fails(2, &["--name", "longer than 200 bytes"]);
    run(&scratch, &flags, &"n".repeat(200)).succeeds();
}

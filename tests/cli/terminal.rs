//! Simple terminals, and terminals that are closed.
#![cfg(target_os = "linux")]

use std::io::ErrorKind;
use std::process::Stdio;

use gan_cuda::run::dir::RunDir;
use gan_cuda::run::lock::LockState;

use super::folder::scene;
use super::scratch::{RUN, Scratch, TINY, progress};
use super::stop::{ENDLESS, newest, wait_for};

#[test]
fn dumb_or_unknown_terminal_gets_the_output_of_a_file() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let digits = Scratch::with_digits();
    let photos = scene();
    let rgb = "train --preset mlp-rgb --image-size 8 --g-hidden 8 --d-hidden 8 --batch-size 4 \
               --threads 1 --iterations 2 --dataset photos --runs-dir";
    for (scratch, train) in
        [(&digits, format!("train {TINY} --iterations 9 --runs-dir")), (&photos, rgb.to_owned())]
    {
        let piped = lines(&scratch.run(&format!("{train} piped")).succeeds());
        for (number, name) in ["dumb", ""].into_iter().enumerate() {
            let screen = scratch.screen(&format!("{train} {number}"), &[("TERM", name)]);
            let Some(screen) = screen else { return };
            // The number of progress lines depends on the time.
            let fixed = |lines: &[String], folder: &str| {
                let lines = lines.iter().filter(|line| progress(line).is_none());
                let lines = lines.map(|line| line.replace(&format!("{folder}/0"), "runs/0"));
                lines.filter(|line| !line.is_empty()).collect::<Vec<_>>()
            };
            assert_eq!(fixed(&screen, &number.to_string()), fixed(&piped, "piped"), "{name:?}");
            assert!(screen.iter().any(|line| progress(line).is_some()), "{screen:#?}");
        }
    }
}

#[test]
fn closed_terminal_leaves_a_saved_run() {
    let scratch = Scratch::with_digits();
    let run = scratch.command(&format!("train {TINY} {ENDLESS}"));
    let words = [run.get_program()].into_iter().chain(run.get_args());
    let words: Vec<_> = words.map(|word| word.to_str().unwrap()).collect();
    let mut command = scratch.prepared("script");
    command.args(["-qec", &format!("exec {}", words.join(" ")), "/dev/null"]);
    let mut terminal = match command.env("TERM", "xterm").stdout(Stdio::null()).spawn() {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return eprintln!("skipped: no script, of util-linux, to make a terminal");
        }
        terminal => terminal.unwrap(),
    };
    wait_for("the run to begin", || scratch.path(RUN).join("samples/000000.png").exists());
    terminal.kill().unwrap();
    terminal.wait().unwrap();
    let (run, _) = RunDir::open(&scratch.path(RUN)).unwrap();
    wait_for("the run to let go", || {
        let holder = run.lock_state();
        assert!(!matches!(holder, LockState::Stale(_)), "it was killed");
        holder == LockState::Free
    });
    assert!(newest(&scratch) > 0);
    scratch.run("runs").prints(&["stopped"]);
}

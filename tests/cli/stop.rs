//! Interrupted runs: signals, `kill -9`, a full disk, a second process.
#![cfg(unix)]

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gan_cuda::run::checkpoint::Checkpoint;
use gan_cuda::run::dir::RunDir;

use super::scratch::{RUN, Scratch, TINY, has};

/// Flags of a run that does not end by itself.
pub const ENDLESS: &str = "--iterations 1000000000 --epochs 1000000";

/// Starts a run that does not end by itself, and waits until it has written the file `sign`.
pub fn endless(scratch: &Scratch, flags: &str, sign: &str) -> Child {
    started(scratch, scratch.command(&format!("train {TINY} {ENDLESS} {flags}")), sign)
}

fn started(scratch: &Scratch, mut command: Command, sign: &str) -> Child {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    wait_for("the run to begin", || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended by itself");
        scratch.path(RUN).join(sign).exists()
    });
    child
}

/// Waits for a condition, however slow the machine is.
#[track_caller]
pub fn wait_for(what: &str, mut came: impl FnMut() -> bool) {
    let start = Instant::now();
    while !came() {
        assert!(start.elapsed() < Duration::from_secs(120), "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}

pub fn send(child: &Child, signal: &str) {
    let number = child.id().to_string();
    let status = Command::new("kill").args([signal, &number]).status().unwrap();
    assert!(status.success());
}

/// The output of a stopped run and its exit code.
fn finish(child: Child) -> (String, Option<i32>) {
    let output = child.wait_with_output().unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code())
}

/// The newest checkpoint of the run, which must be complete.
pub fn newest(scratch: &Scratch) -> u64 {
    let (run, _) = RunDir::open(&scratch.path(RUN)).unwrap();
    run.clean().unwrap();
    let iteration = run.newest_checkpoint().unwrap();
    Checkpoint::load(&run.checkpoint(iteration)).unwrap();
    iteration
}

/// The files of the networks after `iterations` uninterrupted iterations.
fn uninterrupted_weights(iterations: u64) -> Vec<Vec<u8>> {
    let scratch = Scratch::with_run(&format!("--epochs 1000000 --iterations {iterations}"));
    weights(&scratch, iterations)
}

fn weights(scratch: &Scratch, iteration: u64) -> Vec<Vec<u8>> {
    let folder = scratch.path(RUN).join(format!("checkpoint-{iteration:06}"));
    let file = |name| std::fs::read(folder.join(format!("{name}.safetensors"))).unwrap();
    ["generator", "discriminator"].map(file).into()
}

#[test]
fn signal_saves_a_checkpoint_and_prints_how_to_resume() {
    for (signal, name, code) in [("-INT", "Ctrl-C", 130), ("-TERM", "SIGTERM", 143)] {
        let scratch = Scratch::with_digits();
        let child = endless(&scratch, "", "samples/000000.png");
        send(&child, signal);
        let (out, ended) = finish(child);
        assert_eq!(ended, Some(code), "{out}");
        let last = out.lines().last().unwrap();
        let done = newest(&scratch);
        assert_eq!(
            last,
            format!(
                "{name}: stopped after iteration {done}; to resume: gan-cuda train --resume {RUN}"
            )
        );
        let end = done + 3;
        scratch.run(&format!("train --resume {RUN} --iterations {end}")).succeeds();
        assert_eq!(weights(&scratch, end), uninterrupted_weights(end), "{name}");
    }
}

/// A closing terminal may send its signal twice, and a batch system every second.
#[test]
fn repeated_signals_of_terminals_and_batch_systems_still_save() {
    for (signal, number) in [
        ("HUP", libc::SIGHUP),
        ("USR1", libc::SIGUSR1),
        ("USR2", libc::SIGUSR2),
        ("XCPU", libc::SIGXCPU),
    ] {
        let scratch = Scratch::with_digits();
        let child = endless(&scratch, "", "samples/000000.png");
        for _ in 0..3 {
            send(&child, &format!("-{signal}"));
        }
        let (out, code) = finish(child);
        assert_eq!(code, Some(128 + number), "{out}");
        let last =
            format!("SIG{signal}: stopped after iteration {}; to resume: ", newest(&scratch));
        assert!(out.lines().last().unwrap().starts_with(&last), "{out}");
        scratch.run("runs").prints(&["stopped"]);
    }
}

#[test]
fn signal_that_a_shell_ignores_stays_ignored() {
    let scratch = Scratch::with_digits();
    let run = scratch.command(&format!("train {TINY} {ENDLESS} --log-interval 1"));
    let mut command = scratch.prepared("sh");
    command.args(["-c", "trap '' HUP INT; exec \"$@\"", "sh"]);
    command.arg(run.get_program()).args(run.get_args());
    let mut child = started(&scratch, command, "samples/000000.png");
    ["-HUP", "-INT", "-INT"].iter().for_each(|signal| send(&child, signal));
    let log = scratch.path(RUN).join("stats.jsonl");
    let length = || std::fs::metadata(&log).map_or(0, |log| log.len());
    let then = length();
    wait_for("more iterations", || {
        assert!(child.try_wait().unwrap().is_none(), "the run ended");
        length() > then + 10_000
    });
    send(&child, "-TERM");
    assert_eq!(finish(child).1, Some(143));
}

#[test]
fn folder_with_a_space_is_quoted_for_the_shell() {
    let scratch = Scratch::with_digits();
    std::fs::create_dir(scratch.path("my runs")).unwrap();
    std::os::unix::fs::symlink("my runs", scratch.path("runs")).unwrap();
    let arguments = format!("train {TINY} --iterations 1000000000 --epochs 1000000 --runs-dir");
    let mut command = scratch.command(&arguments);
    let child = command.arg("my runs").stdout(Stdio::piped()).spawn().unwrap();
    wait_for("the run to begin", || scratch.path(RUN).join("samples/000000.png").exists());
    send(&child, "-INT");
    let (out, _) = finish(child);
    assert!(out.ends_with("train --resume 'my runs/00000-cgan-mnist'\n"), "{out}");
}

#[test]
fn stopped_run_logs_at_the_interval_only() {
    let scratch = Scratch::with_digits();
    let child = endless(&scratch, "--log-interval 1000 -q", "samples/000000.png");
    send(&child, "-INT");
    assert_eq!(finish(child), (String::new(), Some(130)));
    let logged = scratch.logged(RUN);
    assert!(logged.iter().all(|iteration| iteration % 1000 == 0), "{logged:?}");
}

#[test]
fn second_signal_ends_the_run_at_once_and_leaves_nothing_half_written() {
    let scratch = Scratch::with_digits();
    for _ in 0..5 {
        let child = endless(&scratch, "--checkpoint-interval 1", "checkpoint-000003");
        send(&child, "-INT");
        send(&child, "-INT");
        assert_eq!(finish(child).1, Some(130));
        let done = newest(&scratch);
        scratch.run(&format!("train --resume --iterations {}", done + 2)).succeeds();
        assert!(scratch.names(RUN).iter().all(|name| !name.contains(".tmp")));
        std::fs::remove_dir_all(scratch.path("runs")).unwrap();
    }
}

/// Kills a run that constantly writes checkpoints, samples and log entries, at moments spread over
/// the duration of a few iterations.
#[test]
fn run_killed_at_any_moment_resumes_to_the_same_result() {
    let scratch = Scratch::with_digits();
    let every = "--checkpoint-interval 1 --sample-interval 1 --log-interval 1 --keep 2";
    let mut child = endless(&scratch, every, "checkpoint-000001");
    let mut done = 0;
    for kill in 0..25 {
        std::thread::sleep(Duration::from_micros(1700 * (kill % 7)));
        child.kill().unwrap();
        child.wait().unwrap();
        let now = newest(&scratch);
        assert!(now >= done, "from {done} back to {now}");
        done = now;
        let arguments = "train --resume --iterations 1000000000";
        child = scratch.command(arguments).stdout(Stdio::null()).spawn().unwrap();
        let next = scratch.path(RUN).join(format!("checkpoint-{:06}", done + 1));
        wait_for("the next checkpoint", || {
            assert!(child.try_wait().unwrap().is_none(), "it did not go on from {done}");
            next.exists() || newest_name(&scratch) > done
        });
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let end = newest(&scratch) + 2;
    scratch.run(&format!("train --resume --iterations {end}")).succeeds();
    assert_eq!(weights(&scratch, end), uninterrupted_weights(end));
    assert_eq!(scratch.logged(RUN), (1..=end).collect::<Vec<_>>());
    assert_eq!(scratch.names(&format!("{RUN}/samples")).len() as u64, end + 1);
}

/// The iteration of the newest checkpoint while a process is writing.
fn newest_name(scratch: &Scratch) -> u64 {
    let (run, _) = RunDir::open(&scratch.path(RUN)).unwrap();
    run.newest_checkpoint().unwrap_or(0)
}

#[test]
fn second_process_is_refused_until_the_first_is_dead() {
    let scratch = Scratch::with_digits();
    let mut child = endless(&scratch, "--checkpoint-interval 1", "checkpoint-000001");
    let process = format!("process {}", child.id());
    scratch.run("train --resume").fails(1, &[&process, "is training in", RUN]);
    child.kill().unwrap();
    child.wait().unwrap();
    // The lock file of a dead process still exists, but locks nothing.
    assert!(scratch.path(RUN).join(".lock").exists());
    let end = newest(&scratch) + 1;
    scratch.run(&format!("train --resume --iterations {end}")).succeeds();
}

/// Runs the program with a limit on the size of files, which acts like a full disk.
fn with_file_limit(scratch: &Scratch, kibibytes: u32, arguments: &str) -> super::scratch::Answer {
    let limit = format!("ulimit -f {}; trap '' XFSZ; exec \"$@\"", 2 * kibibytes);
    scratch.run_under(&["sh", "-c", &limit, "sh"], arguments)
}

#[test]
fn full_disk_for_the_log_ends_the_run_with_a_checkpoint_of_its_last_iteration() {
    let scratch = Scratch::with_digits();
    let flags =
        "--iterations 100000 --log-interval 1 --checkpoint-interval 100000 --no-tensorboard";
    let answer = with_file_limit(&scratch, 350, &format!("train {TINY} {flags}"));
    let done = newest(&scratch);
    assert!(done >= 100);
    let ended = format!("training ended after iteration {done};");
    let checkpoint = format!("{RUN}/checkpoint-{done:06}, is good");
    answer.fails(1, &[&ended, &checkpoint, "cannot write", "stats.jsonl", "too large"]);
    scratch.run(&format!("train --resume --iterations {}", done + 1)).succeeds();
}

#[test]
fn run_continues_without_an_event_file_that_cannot_grow() {
    let scratch = Scratch::with_digits();
    let flags = format!("train {TINY} --iterations 60 --checkpoint-interval 1");
    let warned = with_file_limit(&scratch, 350, &flags).warns();
    assert_eq!(warned.lines().count(), 1, "{warned}");
    has(&warned, &["warning: after iteration", "tfevents", "too large", "event file is disabled"]);
    assert_eq!(newest(&scratch), 60);
    // The resumed run writes a new event file.
    assert_eq!(scratch.run("train --resume --iterations 62").warns(), "");
}

#[test]
fn run_continues_without_unwritable_pictures() {
    let scratch = Scratch::with_run("--iterations 4");
    std::fs::remove_file(scratch.path(RUN).join("loss.png")).unwrap();
    // Not even root can replace a folder by a file.
    for picture in ["loss.png", "samples/000006.png", "samples/000005.png"] {
        std::fs::create_dir(scratch.path(RUN).join(picture)).unwrap();
    }
    let warned = scratch.run("train --resume --iterations 6 --sample-interval 1").warns();
    assert_eq!(warned.lines().count(), 1, "{warned}");
    has(&warned, &["warning: after iteration 5", "samples/000005.png", "continues without it"]);
    assert_eq!(newest(&scratch), 6);
}

#[test]
fn full_disk_at_a_checkpoint_keeps_the_older_ones() {
    let scratch = Scratch::with_run("--iterations 4 --checkpoint-interval 2");
    let before = scratch.checkpoints(RUN);
    let answer = with_file_limit(&scratch, 20, "train --resume --iterations 8");
    answer.fails(1, &["checkpoint-000004, is good", "checkpoint-000006.tmp", "too large"]);
    assert_eq!(scratch.checkpoints(RUN), before);
    assert!(scratch.names(RUN).iter().all(|name| !name.contains(".tmp")), "it takes room");
    scratch.run("train --resume --iterations 8").succeeds();
}

#[test]
fn full_disk_at_the_start_leaves_no_run() {
    let scratch = Scratch::with_digits();
    with_file_limit(&scratch, 0, &format!("train {TINY}"))
        .fails(1, &["cannot write", "config.toml"]);
    assert!(scratch.names("runs").is_empty());
}

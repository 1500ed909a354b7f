//! One of two ranks is killed at any moment of a run.

use std::fs;
use std::time::{Duration, Instant};

use super::super::scratch::{RUN, Scratch, has};
use super::super::stop::wait_for;
use super::{Answer, BOUND, Process, Ranks, failed};

/// A run that samples, saves and logs often.
const FLAGS: &str = "--iterations 60 --checkpoint-interval 6 --sample-interval 4 --log-interval 1 \
                     --keep 100 --join-timeout 2";
const ITERATIONS: u64 = 60;

/// When a rank is killed.
enum Moment {
    /// After this part of the time until the first sample.
    Start(f64),
    /// As soon as the run has this file, and after so many milliseconds more.
    File(&'static str, u64),
}

const MOMENTS: [Moment; 10] = [
    Moment::Start(0.05),
    Moment::Start(0.4),
    Moment::Start(0.7),
    Moment::File("config.toml", 0),
    Moment::File("samples/000000.png", 0),
    Moment::File("samples/000004.png", 2),
    Moment::File("checkpoint-000006", 0),
    Moment::File("checkpoint-000012/state.safetensors", 7),
    Moment::File("checkpoint-000054", 4),
    Moment::File("checkpoint-000060", 0),
];

/// Waits for a moment, or until one of the ranks has ended.
fn wait(scratch: &Scratch, all: &mut [Process], moment: &Moment, start: Duration) {
    match moment {
        Moment::Start(part) => std::thread::sleep(start.mul_f64(*part)),
        Moment::File(name, more) => {
            let file = scratch.path(RUN).join(name);
            wait_for(name, || file.exists() || !all.iter_mut().all(Process::runs));
            std::thread::sleep(Duration::from_millis(*more));
        }
    }
}

/// The newest checkpoint, if there is any.
fn newest(scratch: &Scratch) -> Option<u64> {
    scratch.path(RUN).is_dir().then_some(())?;
    let names = scratch.checkpoints(RUN);
    names.iter().filter_map(|name| name.strip_prefix("checkpoint-")?.parse().ok()).max()
}

/// Asserts what the other rank says and leaves after this one was killed.
fn check(scratch: &Scratch, victim: usize, answer: Answer) {
    let saved = newest(scratch);
    if answer.code() == Some(0) {
        assert_eq!(saved, Some(ITERATIONS), "the run has not ended: {answer:?}");
        return;
    }
    let error = failed(1 - victim, answer, 1, &[&format!("rank {victim} ")]);
    let known = ["is lost: its connection was closed", "did not join within 2 s", "be reached at "];
    assert!(known.iter().any(|words| error.contains(words)), "{error}");
    if victim == 0 {
        assert!(!error.contains("training") || error.contains(&format!("training of {RUN} ended")));
        if let Some(done) = saved.filter(|_| error.contains("training of")) {
            let newest = format!("its newest checkpoint, {RUN}/checkpoint-{done:06}, is good");
            has(&error, &[&newest]);
        }
    } else if error.contains("training ended") {
        let newest = match saved {
            Some(done) => format!("its newest checkpoint, {RUN}/checkpoint-{done:06}, is good"),
            None => "it has no checkpoint yet".to_owned(),
        };
        has(&error, &[&newest]);
        has(&scratch.text(&format!("{RUN}/log.txt")), &["error: rank 1 is lost"]);
    }
}

/// One process continues what is there.
fn go_on(scratch: &Scratch) {
    let Some(done) = newest(scratch) else { return };
    let end = done + 2;
    let resumed = scratch.run(&format!("train --resume --device cpu --iterations {end}"));
    resumed.prints(&[&format!("done: {end} iterations")]);
    assert_eq!(scratch.logged(RUN), (1..=end).collect::<Vec<_>>());
}

fn kill_at_any_moment(victim: usize) {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let mut start = Duration::ZERO;
    // The last moment comes first, when it is not known yet how long the start takes.
    for moment in MOMENTS.iter().rev() {
        let begin = Instant::now();
        let mut all = ranks.start_all(FLAGS);
        wait(&scratch, &mut all, moment, start);
        if matches!(moment, Moment::File("samples/000000.png", _)) {
            start = begin.elapsed();
        }
        all[victim].child().kill().unwrap();
        let (answer, took) = all.swap_remove(1 - victim).finish_within(BOUND);
        println!("after {:?}, the other took {took:?}: {}", begin.elapsed(), answer.err.trim());
        drop(all);
        check(&scratch, victim, answer);
        go_on(&scratch);
        let _ = fs::remove_dir_all(scratch.path("runs"));
    }
}

#[test]
fn when_rank_1_is_killed_rank_0_ends_and_the_run_can_be_resumed() {
    kill_at_any_moment(1);
}

#[test]
fn when_rank_0_is_killed_rank_1_ends_and_the_run_can_be_resumed() {
    kill_at_any_moment(0);
}

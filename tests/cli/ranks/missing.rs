//! Ranks that do not come, come late, or come twice.

use std::time::Duration;

use super::super::scratch::{RUN, Scratch};
use super::super::stop::{ENDLESS, wait_for};
use super::{Process, Ranks, failed, led, losses};

#[test]
fn ranks_that_do_not_come_are_named_by_all_that_have() {
    let scratch = Scratch::with_digits();
    let Some(four) = Ranks::new(&scratch, 4) else { return };
    let two = Ranks::new(&scratch, 2).unwrap();
    let flags = "--iterations 4 --join-timeout 1";
    let [first, second] = [0, 1].map(|rank| four.start(rank, flags));
    let alone = two.start(1, flags);
    let missing = "ranks 2 and 3 did not join within 1 s";
    failed(0, first.finish(), 1, &[missing]);
    failed(1, second.finish(), 1, &["rank 1: rank 0 failed: ", missing]);
    let address = format!("rank 0 cannot be reached at 127.0.0.1:{} within 1 s", two.port);
    failed(1, alone.finish(), 1, &[&address]);
    failed(0, two.start(0, flags).finish(), 1, &["rank 1 did not join within 1 s"]);
    assert!(!scratch.path("runs").exists());
}

#[test]
fn a_rank_may_come_late() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    for late in [0, 1] {
        let flags = "--iterations 2 -q";
        let early = ranks.start(1 - late, flags);
        std::thread::sleep(Duration::from_millis(300));
        assert_eq!(led(vec![early, ranks.start(late, flags)]), "");
    }
}

#[test]
fn a_rank_that_comes_twice_is_told_so_and_disturbs_nobody() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let flags = format!("{ENDLESS} --log-interval 1");
    let mut all = ranks.start_all(&flags);
    wait_for("the run to begin", || scratch.path(RUN).join("samples/000000.png").exists());
    let twice = ["rank 1 has joined already; it was started twice"];
    failed(1, ranks.start(1, &flags).finish(), 1, &twice);
    let listens = format!("cannot listen for other ranks on 127.0.0.1:{}", ranks.port);
    failed(0, ranks.start(0, &flags).finish(), 1, &[&listens, "--master-port", "in use"]);
    let then = losses(&scratch, RUN).len();
    wait_for("more iterations", || losses(&scratch, RUN).len() > then + 10);
    assert!(all.iter_mut().all(Process::runs), "the run has ended");
    all.iter_mut().for_each(|rank| rank.send("-TERM"));
    all.into_iter().for_each(|rank| drop(rank.finish().ends_with(143)));
}

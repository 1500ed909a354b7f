//! Runs that go on with other ranks.

use gan_cuda::formats::stats::{Measure, read_scores};

use super::super::scratch::{RUN, SECOND, Scratch, has};
use super::{Ranks, assert_same_losses, losses};

const FLAGS: &str = "--device cuda --log-interval 1";

/// A run of ten iterations in one process.
fn uninterrupted() -> Option<Vec<(u64, [f32; 5])>> {
    let scratch = Scratch::with_digits();
    Ranks::new(&scratch, 1)?.train(&format!("{FLAGS} --iterations 10"));
    Some(losses(&scratch, RUN))
}

#[test]
fn a_run_goes_on_with_any_number_of_ranks() {
    let Some(want) = uninterrupted() else { return };
    for (before, after) in [(2, 1), (1, 4), (2, 2)] {
        let scratch = Scratch::with_digits();
        let first = Ranks::new(&scratch, before).unwrap();
        first.train(&format!("{FLAGS} --iterations 5"));
        let second = Ranks::new(&scratch, after).unwrap();
        let out = second.train(&format!("{FLAGS} --iterations 10 --resume"));
        has(&out, &["run       runs/00000-cgan-mnist, from iteration 5", "done: 10 iterations"]);
        let what = format!("{before}, then {after} ranks");
        assert_same_losses(&losses(&scratch, RUN), &want, &what);
    }
}

#[test]
fn a_finished_run_leaves_nothing_to_do_and_a_branch_is_a_new_run() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    ranks.train(&format!("{FLAGS} --iterations 4"));
    let before = scratch.files(RUN);
    let out = ranks.train(&format!("--resume {RUN}"));
    has(&out, &["nothing to do: all 4 iterations are complete"]);
    let branch = format!("train --resume {RUN} --branch --lr 0.01 --iterations 9");
    has(&ranks.run(&branch), &[SECOND, "branch    of ", "done: 9 iterations"]);
    assert!(scratch.files(RUN) == before, "the run that it is from was touched");
    Ranks::new(&scratch, 1).unwrap().run(&branch);
    let [branch, alone] = [SECOND, "runs/00002-cgan-mnist"].map(|run| losses(&scratch, run));
    assert_eq!(branch.len(), 5);
    assert_same_losses(&branch, &alone, "a branch");
}

#[test]
fn rank_0_scores_while_the_others_wait() {
    let scratch = Scratch::with_digits();
    let Some(ranks) = Ranks::new(&scratch, 2) else { return };
    let flags = "--iterations 3 --evaluate-interval 10 --keep-best kid";
    let out = ranks.train(flags);
    has(&out, &["scores after iteration 3: FCD ", "best      KID", "done: 3 iterations"]);
    let scores = read_scores(&scratch.path(RUN).join("stats.jsonl")).unwrap();
    assert_eq!(scores.len(), 1);
    assert!(scores[0].scores.by(Measure::Kid).is_some_and(f64::is_finite));
}

//! Runs that go wrong by themselves.

use super::scratch::{Scratch, has};

#[test]
fn loss_that_is_no_number_ends_the_run_with_iteration_and_checkpoint() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp --loss mse --init normal:1e6 --iterations 50 --checkpoint-interval 1";
    let words = ["training ended after iteration 1", "loss is inf at iteration 1", "--lr"];
    scratch.train(flags).fails(1, &[&words[..], &["no checkpoint"]].concat());
    assert!(scratch.checkpoints("runs/00000-mlp-mnist").is_empty(), "of weights that are NaN");
}

#[test]
fn losses_that_are_absurd_are_warned_of_once_and_not_called_done() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--iterations 9 --lr 30");
    assert_eq!(out.err.matches("the losses have exploded").count(), 1, "{out:?}");
    let summary = out.out.lines().last().unwrap();
    assert!(summary.starts_with("diverged: the losses exploded"), "{summary}");
    has(&scratch.text("runs/00000-cgan-mnist/log.txt"), &["the losses have exploded"]);
    scratch.run("runs").says(&["diverged: its losses have exploded"]);
    let quiet = scratch.train("--iterations 9 --lr 30 -q");
    assert_eq!(quiet.warns(), "warning: diverged: the losses exploded and stayed so\n");
}

#[test]
fn dead_discriminator_is_warned_of_once() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-batchnorm --d-final-relu --epochs 1000 --iterations 600";
    // Some seeds begin with a negative logit, which the last ReLU makes 0 for ever.
    let dead = (0..8).find_map(|seed| {
        let err = scratch.train(&format!("{flags} --seed {seed}")).warns();
        (!err.is_empty()).then_some((seed, err))
    });
    let (seed, err) = dead.expect("a dead discriminator among eight");
    assert_eq!(err.matches("warning: ").count(), 1, "{err}");
    has(&err, &["the discriminator is dead", "without a ReLU"]);
    has(&scratch.text(&format!("runs/{seed:05}-mlp-batchnorm-mnist/log.txt")), &[err.trim()]);
}

#[test]
fn perfect_discriminator_and_samples_that_are_all_alike_are_warned_of_once() {
    let scratch = Scratch::with_digits();
    for (flags, words) in [
        // Steps so large that the generator is thrown to where it cannot come back from.
        ("mlp --lr 3 --iterations 1500 --sample-interval 1500", "the discriminator is perfect"),
        // The noise has no say: weights begin at almost nothing and hardly move.
        (
            "mlp-dropout --init normal:1e-6 --lr 1e-7 --iterations 620 --sample-interval 20",
            "the samples are all alike",
        ),
    ] {
        let err = scratch.train(&format!("--epochs 1500 --preset {flags}")).warns();
        assert_eq!(err.matches(words).count(), 1, "{err}");
    }
}

#[test]
fn quiet_run_warns_in_its_log_only() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-dropout --init normal:1e-6 --lr 1e-7 --iterations 500 -q";
    let flags = &format!("{flags} --sample-interval 100 --epochs 1000");
    assert_eq!(scratch.train(flags).warns(), "");
    let log = scratch.text("runs/00000-mlp-dropout-mnist/log.txt");
    has(&log, &["warning: after iteration 500: the samples are all alike"]);
}

//! Warnings and errors of runs that diverge.

use super::scratch::{Scratch, has};

#[test]
fn non_finite_loss_ends_the_run_with_iteration_and_checkpoint() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp --loss mse --init normal:1e6 --iterations 50 --checkpoint-interval 1";
    let words = ["training ended after iteration 1", "loss is inf at iteration 1", "--lr"];
    scratch.train(flags).fails(1, &[&words[..], &["no checkpoint"]].concat());
    assert!(scratch.checkpoints("runs/00000-mlp-mnist").is_empty(), "of weights that are NaN");
}

#[test]
fn exploding_losses_give_one_warning_and_no_success_message() {
    let scratch = Scratch::with_digits();
    let out = scratch.train("--iterations 9 --lr 30");
    assert_eq!(out.err.matches("the losses have exploded").count(), 1, "{out:?}");
    let summary = out.out.lines().last().unwrap();
    assert!(summary.starts_with("diverged: the losses exploded"), "{summary}");
    has(&scratch.text("runs/00000-cgan-mnist/log.txt"), &["the losses have exploded"]);
    scratch.run("runs").prints(&["diverged: the losses exploded"]);
    let quiet = scratch.train("--iterations 9 --lr 30 -q");
    assert_eq!(quiet.warns(), "warning: diverged: the losses exploded and did not recover\n");
}

#[test]
fn dead_discriminator_gives_one_warning() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-batchnorm --d-final-relu --epochs 1000 --iterations 600";
    // Some seeds start with a negative logit, which the last ReLU turns into 0 for ever.
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
fn perfect_discriminator_and_identical_samples_give_one_warning() {
    let scratch = Scratch::with_digits();
    for (flags, words) in [
        // Large steps move the generator to where it gets no gradient any more.
        ("mlp --lr 3 --iterations 1500 --sample-interval 1500", "the discriminator is perfect"),
        // The initial weights are almost zero and hardly change, so the noise has no effect.
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
fn quiet_run_writes_warnings_to_its_log_only() {
    let scratch = Scratch::with_digits();
    let flags = "--preset mlp-dropout --init normal:1e-6 --lr 1e-7 --iterations 500 -q";
    let flags = &format!("{flags} --sample-interval 100 --epochs 1000");
    assert_eq!(scratch.train(flags).warns(), "");
    let log = scratch.text("runs/00000-mlp-dropout-mnist/log.txt");
    has(&log, &["warning: after iteration 500: the samples are all alike"]);
}
